/** What `weightless provider start` is told, checked before anything is opened: each mistake has words of its own. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import type { EngineSource } from '@weightless/node/computeProvider/engineSource'
import type { LogprobKind } from '@weightless/receipt'
import { type NetworkConfig, readNetworkConfig } from '@weightless/sdk'
import { type Command, InvalidArgumentError } from 'commander'
import { type LocalModelFlags, readLocalModel } from './localModel.ts'

export const serviceNames = ['chat', 'completions', 'embeddings', 'images', 'audio', 'responses'] as const

export type StartFlags = LocalModelFlags & {
  upstream?: string
  weights?: string
  model: string
  price: { inputWeiPerToken: bigint; outputWeiPerToken: bigint }
  upstreamModel?: string
  tokenizer?: string
  fingerprint?: string
  logprobs?: LogprobKind
  services: (typeof serviceNames)[number][]
  region?: string
  network?: string
  rpc?: string
  port: number
  host?: string
  publicUrl?: string
  drainSeconds: number
  takeOver?: boolean
  log: 'text' | 'json' | 'silent'
  untilInputEnds?: boolean
}

/** @throws {SourceError} {LocalModelError} {EngineMissingError} */
export async function readSource(flags: StartFlags, dataDir: string, command: Command): Promise<EngineSource> {
  const { upstream, weights, gguf, upstreamModel, services, context, tokenizer, fingerprint, logprobs } = flags
  if ([upstream, weights, gguf].filter((each) => each !== undefined).length !== 1) throw new SourceError()
  const local = await readLocalModel(flags, dataDir, command)
  if (local) return local
  if (logprobs && !fingerprint) throw new InvalidArgumentError('--logprobs goes with --fingerprint.')
  if (upstream === undefined) return { weightsFile: resolve(weights!) }
  const apiKey = process.env.UPSTREAM_API_KEY
  return {
    upstream,
    services,
    ...(apiKey && { apiKey }),
    ...(upstreamModel && { upstreamModel }),
    ...(tokenizer && { tokenizerFile: resolve(tokenizer) }),
    ...(fingerprint && { fingerprintFile: resolve(fingerprint) }),
    ...(logprobs && { logprobs }),
    ...(context && { contextLength: context }),
  }
}

/** @throws {NetworkIncompleteError} */
export function readNetworkFile(path: string): NetworkConfig {
  const verdict = readNetworkConfig(readJson(path))
  if (!verdict.ok) throw new NetworkIncompleteError(path)
  return verdict.value
}

/** @throws {NetworkIncompleteError} */
export function readNetwork(path: string) {
  const { chain, contracts } = readNetworkFile(path)
  const { inferenceServing, receiptSettlement, ledgerManager, ...others } = contracts
  const { priorityStake, serviceMarket, disputeGame } = others
  if (!inferenceServing || !receiptSettlement || !ledgerManager) throw new NetworkIncompleteError(path)
  return {
    chain,
    contracts: {
      inferenceServing,
      receiptSettlement,
      ledgerManager,
      ...(priorityStake && { priorityStake }),
      ...(serviceMarket && { serviceMarket }),
      ...(disputeGame && { disputeGame }),
    },
  }
}

/** @throws {NetworkIncompleteError} */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new NetworkIncompleteError(path, cause)
  }
}

/** An http or https address without anything behind the host, or with a path where `mayHavePath`. */
export function readUrl({ mayHavePath }: { mayHavePath: boolean }): (text: string) => string {
  return (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '' || url.hash !== '')
      throw new InvalidArgumentError('an address such as http://127.0.0.1:8000 is needed.')
    if (!mayHavePath && url.pathname !== '/') throw new InvalidArgumentError('the address may have no path.')
    return mayHavePath ? text : url.origin
  }
}

/** As the market keeps it. */
export function readRegion(text: string): string {
  const size = Buffer.byteLength(text)
  if (size < 1 || size > 16) throw new InvalidArgumentError('a name of 1 to 16 bytes is needed.')
  return text
}

export function readModelId(text: string): string {
  if (!/^[\x21-\x7e]{1,128}$/.test(text))
    throw new InvalidArgumentError('a name of 1 to 128 visible ASCII characters without blanks is needed.')
  return text
}

export function readServices(text: string): StartFlags['services'] {
  const names = text.split(',').map((name) => serviceNames.find((known) => known === name.trim()))
  if (names.some((name) => name === undefined))
    throw new InvalidArgumentError(`some of ${serviceNames.join(',')} are needed.`)
  return names as StartFlags['services']
}

/** Tokens per million, to wei each: 10^18 / 10^6. */
export function readPrice(text: string): StartFlags['price'] {
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
    super('cli/provider-source', 'A provider needs one of --upstream, --weights and --gguf.', {})
  }
}

export class NetworkIncompleteError extends WeightlessError {
  constructor(file: string, cause?: unknown) {
    super(
      'cli/network-incomplete',
      'The network file does not say where the compute contracts are.',
      { file },
      {
        ...(cause === undefined ? {} : { cause }),
        hint: 'Start the devnet with `npm start`, or name a network file with --network.',
      },
    )
  }
}
