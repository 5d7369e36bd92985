/** `weightless provider start`: sells what an OpenAI-compatible server, or the embedded engine, answers; the one command of an operator. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import type { EngineSource } from '@weightless/node/computeProvider/runProvider'
import { devnetFilePath } from '@weightless/node/devnetFile'
import { readNetworkConfig } from '@weightless/sdk'
import { type Command, InvalidArgumentError } from 'commander'
import { formatTokens, globalOptions, remark } from '../output.ts'
import { wholeNumber } from '../readNumber.ts'

const serviceNames = ['chat', 'completions', 'embeddings', 'images', 'audio', 'responses'] as const

type StartFlags = {
  upstream?: string
  weights?: string
  model: string
  price: { inputWeiPerToken: bigint; outputWeiPerToken: bigint }
  upstreamModel?: string
  tokenizer?: string
  services: (typeof serviceNames)[number][]
  context?: number
  region?: string
  network?: string
  rpc?: string
  port: number
  host?: string
  publicUrl?: string
  log: 'text' | 'json' | 'silent'
  untilInputEnds?: boolean
}

export function addProviderCommands(program: Command): void {
  const provider = program.command('provider').description('sell inference')
  provider
    .command('start')
    .description('sell what an OpenAI-compatible server answers: registers, stakes, serves, settles; Ctrl-C drains')
    .option('--upstream <url>', 'the server, such as http://127.0.0.1:8000; its key, if any, in UPSTREAM_API_KEY')
    .option('--weights <file>', 'or: a GGUF file for the embedded engine, whose answers anybody can re-execute')
    .requiredOption('--model <id>', 'the model that is sold')
    .requiredOption(
      '--price <in/out>',
      'tokens of the chain for a million tokens read and written, such as 0.1/0.4',
      readPrice,
    )
    .option('--upstream-model <id>', 'its name at the server, if another')
    .option('--tokenizer <file>', 'GGUF or tokenizer.json of the model, to check the usage that the server reports')
    .option('--services <names>', `some of ${serviceNames.join(',')}`, readServices, ['chat', 'completions'])
    .option('--context <n>', 'context length, if the server does not tell', wholeNumber({ min: 1, max: 2 ** 31 - 1 }))
    .option('--region <name>', 'where it stands')
    .option('--network <file>', 'network file; default: devnet.json of the data directory')
    .option('--rpc <url>', 'JSON-RPC of a chain node; default: the network file’s')
    .option('--port <n>', 'where it listens', wholeNumber({ min: 0, max: 65_535 }), 0)
    .option('--host <address>', 'the address to bind', '127.0.0.1')
    .option('--public-url <url>', 'where users reach it, if not at host and port')
    .option('--log <form>', 'text, json or silent', 'text')
    .option('--until-input-ends', 'stop, without draining, when standard input ends, as a child of another process')
    .action(start)
}

async function start(flags: StartFlags, command: Command): Promise<void> {
  const { json, dataDir } = globalOptions(command)
  const { runProvider, providerAccount } = await import('@weightless/node/computeProvider/runProvider')
  const { network, rpc, price, model, region, port, host, publicUrl, log } = flags
  const source = readSource(flags)
  const { chain, contracts } = readNetwork(resolve(network ?? devnetFilePath(dataDir)))
  const dataFolder = join(resolve(dataDir), 'provider')
  const stopped = untilStopped(flags.untilInputEnds === true)
  if (!json) remark(`account ${providerAccount(dataFolder).address} (key in ${dataFolder}) must have the stake and gas`)
  const provider = await runProvider({
    ...{ source, model, port, log, ...price, dataFolder, contracts },
    ...(region !== undefined && { region }),
    ...(host !== undefined && { host }),
    ...(publicUrl !== undefined && { publicUrl }),
    rpcUrl: rpc ?? chain.rpcUrl,
    chainId: chain.chainId,
  })
  const { address, url } = provider
  if (json) process.stdout.write(`${JSON.stringify({ type: 'open', address, url, model })}\n`)
  else remark(`${model} is sold at ${url}, ${formatTokens(price.outputWeiPerToken)} a token written; Ctrl-C drains`)
  if ((await stopped) === 'signal') {
    if (!json) remark('draining …')
    await provider.drain()
  }
  await provider.close()
}

function readSource(flags: StartFlags): EngineSource {
  const { upstream, weights, upstreamModel, services, context, tokenizer } = flags
  if ((upstream === undefined) === (weights === undefined)) throw new SourceError()
  if (upstream === undefined) return { weightsFile: resolve(weights!) }
  const apiKey = process.env.UPSTREAM_API_KEY
  return {
    upstream,
    services,
    ...(apiKey && { apiKey }),
    ...(upstreamModel && { upstreamModel }),
    ...(tokenizer && { tokenizerFile: resolve(tokenizer) }),
    ...(context && { contextLength: context }),
  }
}

/** A second signal ends the process at once; a terminal passes Ctrl-C to children too, which end when their input does. */
function untilStopped(untilInputEnds: boolean): Promise<'signal' | 'input'> {
  return new Promise((stop) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      if (untilInputEnds && signal === 'SIGINT') process.on(signal, () => undefined)
      else process.once(signal, () => stop('signal'))
    }
    if (!untilInputEnds) return
    process.stdin.resume()
    process.stdin.once('end', () => stop('input'))
    process.stdin.once('error', () => stop('input'))
  })
}

/** @throws {NetworkIncompleteError} */
function readNetwork(path: string) {
  const verdict = readNetworkConfig(JSON.parse(readFileSync(path, 'utf8')))
  if (!verdict.ok) throw new NetworkIncompleteError()
  const { chain } = verdict.value
  const { inferenceServing, receiptSettlement, ledgerManager, priorityStake } = verdict.value.contracts
  if (!inferenceServing || !receiptSettlement || !ledgerManager) throw new NetworkIncompleteError()
  return {
    chain,
    contracts: { inferenceServing, receiptSettlement, ledgerManager, ...(priorityStake && { priorityStake }) },
  }
}

function readServices(text: string): StartFlags['services'] {
  const names = text.split(',').map((name) => serviceNames.find((known) => known === name.trim()))
  if (names.some((name) => name === undefined))
    throw new InvalidArgumentError(`some of ${serviceNames.join(',')} are needed.`)
  return names as StartFlags['services']
}

/** Tokens per million, to wei each: 10^18 / 10^6. */
function readPrice(text: string): StartFlags['price'] {
  const parts = /^(\d{1,9}(?:\.\d{1,12})?)\/(\d{1,9}(?:\.\d{1,12})?)$/.exec(text)
  if (!parts) throw new InvalidArgumentError('two prices are needed, such as 0.1/0.4.')
  const wei = (amount: string): bigint => {
    const [whole, fraction = ''] = amount.split('.')
    return BigInt(`${whole}${fraction.padEnd(12, '0')}`)
  }
  return { inputWeiPerToken: wei(parts[1]!), outputWeiPerToken: wei(parts[2]!) }
}

export class SourceError extends WeightlessError {
  constructor() {
    super('cli/provider-source', 'A provider needs --upstream or --weights, and not both.', {})
  }
}

export class NetworkIncompleteError extends WeightlessError {
  constructor() {
    super(
      'cli/network-incomplete',
      'The network file does not say where the compute contracts are.',
      {},
      {
        hint: 'Start the devnet with `npm start`, or name a network file with --network.',
      },
    )
  }
}
