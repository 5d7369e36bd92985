/** `weightless provider start`: sells what an OpenAI-compatible server, or the embedded engine, answers; the one command of an operator. */
import { join, resolve } from 'node:path'
import type { DrainOptions } from '@weightless/node/computeProvider/runProvider'
import { devnetFilePath } from '@weightless/node/devnetFile'
import { logprobKinds } from '@weightless/receipt'
import { type Command, Option } from 'commander'
import { addLocalModelFlags } from '../localModel.ts'
import { formatTokens, globalOptions, remark } from '../output.ts'
import {
  readModelId,
  readNetwork,
  readPrice,
  readRegion,
  readServices,
  readSource,
  readUrl,
  type StartFlags,
  serviceNames,
} from '../providerFlags.ts'
import { wholeNumber } from '../readNumber.ts'
import { version } from '../version.ts'
import { addDrainCommand } from './providerDrain.ts'
import { addStatusCommand } from './providerStatus.ts'

export function addProviderCommands(program: Command): void {
  const provider = program.command('provider').description('sell inference')
  addStatusCommand(provider)
  addDrainCommand(provider)
  const start = provider
    .command('start')
    .description('sell what a server or a model answers: registers, stakes, serves, settles; Ctrl-C drains')
    .option(
      '--upstream <url>',
      'the server, such as http://127.0.0.1:8000; its key, if any, in UPSTREAM_API_KEY',
      readUrl({ mayHavePath: true }),
    )
    .option('--weights <file>', 'or: a GGUF file for the embedded engine, whose answers anybody can re-execute')
    .requiredOption('--model <id>', 'the model that is sold', readModelId)
    .requiredOption(
      '--price <in/out>',
      'tokens of the chain for a million tokens read and written, such as 0.1/0.4',
      readPrice,
    )
    .option('--upstream-model <id>', 'its name at the server, if another')
    .option('--tokenizer <file>', 'GGUF or tokenizer.json of the model, to check the usage that the server reports')
    .option(
      '--fingerprint <file>',
      'the GGUF that the server runs: users can weigh answers with log-probabilities by it',
    )
    .addOption(
      new Option(
        '--logprobs <kind>',
        'with --fingerprint: what the server shows, instead of finding out at the start',
      ).choices(logprobKinds),
    )
    .option('--services <names>', `some of ${serviceNames.join(',')}`, readServices, ['chat', 'completions'])
    .option('--context <n>', 'context length, if the server does not tell', wholeNumber({ min: 1, max: 2 ** 31 - 1 }))
    .option('--region <name>', 'where it stands, up to 16 bytes', readRegion)
    .option('--network <file>', 'network file; default: devnet.json of the data directory')
    .option('--rpc <url>', 'JSON-RPC of a chain node; default: the network file’s')
    .option('--port <n>', 'where it listens', wholeNumber({ min: 0, max: 65_535 }), 0)
    .option('--host <address>', 'the address to bind', '127.0.0.1')
    .option('--public-url <url>', 'where users reach it, if not at host and port', readUrl({ mayHavePath: false }))
    .option(
      '--take-over',
      'take over from the process that runs with this data directory, on its port, losing no stream',
    )
    .option(
      '--drain-seconds <n>',
      'how long running jobs may take to their end once it drains',
      wholeNumber({ min: 1, max: 86_400 }),
      300,
    )
    .addOption(
      new Option('--log <form>', 'what it remarks, on standard error')
        .choices(['text', 'json', 'silent'])
        .default('text'),
    )
    .option('--until-input-ends', 'stop, without draining, when standard input ends, as a child of another process')
    .action(startSelling)
  addLocalModelFlags(start)
}

async function startSelling(flags: StartFlags, command: Command): Promise<void> {
  const { json, dataDir } = globalOptions(command)
  const source = await readSource(flags, dataDir, command)
  const { network, rpc, price, model, region, port, host, publicUrl, log } = flags
  const { chain, contracts } = readNetwork(resolve(network ?? devnetFilePath(dataDir)))
  const { runProvider, providerAccount } = await import('@weightless/node/computeProvider/runProvider')
  const dataFolder = join(resolve(dataDir), 'provider')
  const stop = createStop(flags)
  if (!json) remark(`account ${providerAccount(dataFolder).address} (key in ${dataFolder}) must have the stake and gas`)
  const provider = await runProvider({
    ...{ source, model, port, log, ...price, dataFolder, contracts, version },
    ...(region !== undefined && { region }),
    ...(host !== undefined && { host }),
    ...(publicUrl !== undefined && { publicUrl }),
    ...(flags.takeOver && { takeOver: true }),
    rpcUrl: rpc ?? chain.rpcUrl,
    chainId: chain.chainId,
    onDrainAsked: stop.drain,
  }).catch((fault) => {
    stop.leave()
    throw fault
  })
  const { address, url } = provider
  if (json) process.stdout.write(`${JSON.stringify({ type: 'open', address, url, model })}\n`)
  else remark(`${model} is sold at ${url}, ${formatTokens(price.outputWeiPerToken)} a token written; Ctrl-C drains`)
  const options = await Promise.race([stop.asked, provider.moved.then(() => 'moved' as const)])
  if (options === 'moved') {
    if (!json) remark('another process has taken over; the jobs that run here go to their end …')
    const cutJobs = await provider.finishMoved(flags.drainSeconds * 1000)
    if (json) process.stdout.write(`${JSON.stringify({ type: 'moved', cutJobs })}\n`)
    else remark(cutJobs > 0 ? `${cutJobs} jobs were cut at the deadline` : 'all of them have ended')
  } else if (options) {
    if (!json) remark('draining …')
    const { cutJobs, unsettledWei, unvouchedJobs, openClaims } = await provider.drain(options)
    const left = { cutJobs, unsettledWei: unsettledWei.toString(), unvouchedJobs, openClaims }
    if (json) process.stdout.write(`${JSON.stringify({ type: 'drained', ...left })}\n`)
    else remark(describeEnd({ cutJobs, unsettledWei, unvouchedJobs, openClaims }))
  }
  await provider.close()
  stop.leave()
}

function describeEnd(left: {
  cutJobs: number
  unsettledWei: bigint
  unvouchedJobs: number
  openClaims: number
}): string {
  const { cutJobs, unsettledWei, unvouchedJobs, openClaims } = left
  const cut = cutJobs > 0 ? `${cutJobs} jobs were cut at the deadline, ` : ''
  const rest =
    unsettledWei === 0n
      ? 'nothing is owed'
      : `${formatTokens(unsettledWei)} tokens stay owed (${unvouchedJobs} answers without a voucher, ${openClaims} claims); the next start goes on with them`
  return `drained: ${cut}${rest}`
}

/**
 * What ends the process: a signal or the operator's drain with how to drain, or, without draining, the end of the input. A second
 * signal ends it at once; a terminal passes Ctrl-C to children too, which end when their input does.
 */
function createStop({ untilInputEnds, drainSeconds }: StartFlags) {
  const asked = Promise.withResolvers<DrainOptions | undefined>()
  const drain = ({ deadlineMs = drainSeconds * 1000 }: DrainOptions) => asked.resolve({ deadlineMs })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    if (untilInputEnds && signal === 'SIGINT') process.on(signal, () => undefined)
    else process.once(signal, () => drain({}))
  }
  if (untilInputEnds) {
    process.stdin.resume()
    process.stdin.once('end', () => asked.resolve(undefined))
    process.stdin.once('error', () => asked.resolve(undefined))
  }
  return {
    asked: asked.promise,
    drain,
    /** An input that is still open would keep the process. */
    leave() {
      if (untilInputEnds) process.stdin.pause()
    },
  }
}
