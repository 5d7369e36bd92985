/** `weightless gateway start`: an OpenAI-compatible gateway of one's own, in front of all providers of a network. */
import { join, resolve } from 'node:path'
import { type NeedWish, needSchema } from '@weightless/compute/wire'
import { devnetFilePath } from '@weightless/node/devnetFile'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseEther } from 'viem'
import { formatTokens, globalOptions, remark } from '../output.ts'
import { readNetwork } from '../providerFlags.ts'
import { readTokens, wholeNumber } from '../readNumber.ts'

type StartFlags = {
  network?: string
  rpc?: string
  port: number
  host: string
  deposit?: bigint
  autoFund: bigint
  cap?: bigint
  mustAccept?: boolean
  need?: NeedWish
  weights?: string[]
  metricsToken?: string
  drainSeconds: number
  log: 'text' | 'json' | 'silent'
}

export function addGatewayCommands(program: Command): void {
  program
    .command('gateway')
    .description('run a gateway: OpenAI’s interface in front of all providers, paid from one account')
    .command('start')
    .description('serve; keys, receipts and the account are in --data-dir; Ctrl-C lets answers end')
    .option('--network <file>', 'network file; default: devnet.json of the data directory')
    .option('--rpc <url>', 'JSON-RPC of a chain node; default: the network file’s')
    .option('--port <n>', 'where it listens', wholeNumber({ min: 0, max: 65_535 }), 8_080)
    .option('--host <address>', 'the address to bind', '127.0.0.1')
    .option('--deposit <tokens>', 'fill the account’s prepaid ledger up to so much at the start', readTokens)
    .addOption(
      new Option('--auto-fund <tokens>', 'moved to a provider at a time, when it runs short')
        .argParser(readTokens)
        // Its own text: the help page cannot write a bigint.
        .default(parseEther('1'), '1'),
    )
    .option('--cap <tokens>', 'all that the first key may spend', readTokens)
    .option('--must-accept', 'only providers that accept a job by signature before they begin')
    .option('--metrics-token <token>', 'what GET /metrics asks as a bearer token; without it, open on loopback only')
    .option('--weights <file...>', 'models with which it executes answers again: levels sampled and refereed')
    .option('--need <json>', 'asked of every provider on the market, such as {"region":"eu"}', readNeedJson)
    .option(
      '--drain-seconds <n>',
      'how long running answers may take to their end when it stops',
      wholeNumber({ min: 0, max: 86_400 }),
      60,
    )
    .addOption(
      new Option('--log <form>', 'what it remarks, on standard error')
        .choices(['text', 'json', 'silent'])
        .default('text'),
    )
    .action(startServing)
}

async function startServing(flags: StartFlags, command: Command): Promise<void> {
  const { json, dataDir } = globalOptions(command)
  const {
    network,
    rpc,
    port,
    host,
    log,
    deposit,
    autoFund,
    cap,
    mustAccept,
    need,
    metricsToken,
    drainSeconds,
    weights,
  } = flags
  const { chain, contracts } = readNetwork(resolve(network ?? devnetFilePath(dataDir)))
  const { runGateway, gatewayAccount } = await import('@weightless/node/computeGateway/runGateway')
  const dataFolder = join(resolve(dataDir), 'own-gateway')
  const stop = Promise.withResolvers<void>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.resolve())
  if (!json) remark(`account ${gatewayAccount(dataFolder).address} pays (key in ${dataFolder})`)
  const gateway = await runGateway({
    ...{ dataFolder, port, host, log, contracts, chainId: chain.chainId, autoFundWei: autoFund },
    rpcUrl: rpc ?? chain.rpcUrl,
    ...(deposit !== undefined && { depositWei: deposit }),
    ...(cap !== undefined && { spendingCapWei: cap }),
    ...(need && { need }),
    ...(weights && { weightsFiles: weights }),
    ...(metricsToken !== undefined && { metricsToken }),
    ...(mustAccept && { limits: { mustAccept } }),
  })
  const { url, address } = gateway
  const files = { apiKeyFile: join(dataFolder, 'api-key'), managementKeyFile: join(dataFolder, 'management-key') }
  if (json) process.stdout.write(`${JSON.stringify({ type: 'open', url, address, ...files })}\n`)
  else {
    remark(`base URL ${url}/v1, key in ${files.apiKeyFile}; further keys with the one in ${files.managementKeyFile}`)
    remark(`${formatTokens(autoFund)} tokens go to a provider at a time; Ctrl-C stops`)
  }
  await stop.promise
  if (!json) remark('answers go to their end …')
  const deadline = new Promise((done) => setTimeout(done, drainSeconds * 1000).unref())
  await Promise.race([gateway.settled(), deadline])
  await gateway.close()
}

function readNeedJson(text: string): NeedWish {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new InvalidArgumentError('JSON is needed.')
  }
  const read = needSchema.safeParse(json)
  if (read.success) return read.data
  const { path, message } = read.error.issues[0]!
  throw new InvalidArgumentError(`${path.join('.')}: ${message}.`)
}
