/**
 * Where a network is: the contents of `devnet.json` and of the console's `/config.json`, checked on reading. Private keys
 * appear only where a devnet gives its funded test accounts away on loopback.
 */
import { type Hex, isHexOf, reject, type Verdict, WeightlessError } from '@weightless/codec'

export type NetworkConfig = {
  readonly chain: {
    readonly rpcUrl: string
    readonly wsUrl: string
    readonly chainId: number
    readonly accounts: readonly { readonly address: Hex; readonly privateKey?: Hex }[]
  }
  readonly contracts: { readonly [name: string]: Hex }
  readonly storage: {
    readonly indexerUrl: string
    readonly nodeUrls: readonly string[]
    readonly kvUrl?: string
    readonly s3Url?: string
  }
  readonly compute: {
    readonly gatewayUrl: string
    /** Absent where a user must bring a key of her own. */
    readonly apiKey?: string
    /** Opens the status of the `providers` below, and is to be sent to no others. */
    readonly operatorToken?: string
    readonly providers: readonly { readonly address: Hex; readonly url: string; readonly models: readonly string[] }[]
  }
  readonly console?: { readonly url: string }
  /** How far the first model is on its way into the network; absent in a finished or foreign network. */
  readonly weights?: WeightsProgress
}

export type WeightsProgress = {
  readonly model: string
  /** `missing` carries a reason; `open` means that a provider serves it. */
  readonly stage: 'fetching' | 'storing' | 'opening' | 'open' | 'missing'
  readonly doneBytes: number
  readonly totalBytes: number
  readonly reason?: string
}

/** Checks a parsed JSON document; unknown keys are dropped, private keys of the wrong length too. */
export function readNetworkConfig(document: unknown): Verdict<NetworkConfig, 'sdk/config-invalid'> {
  const root = asRecord(document)
  const chain = asRecord(root.chain)
  const storage = asRecord(root.storage)
  const compute = asRecord(root.compute)
  const rpcUrl = asUrl(chain.rpcUrl)
  const indexerUrl = asUrl(storage.indexerUrl)
  const gatewayUrl = asUrl(compute.gatewayUrl)
  const chainId = chain.chainId
  if (!rpcUrl) return reject('sdk/config-invalid', 'chain.rpcUrl is not a URL')
  if (typeof chainId !== 'number' || !Number.isSafeInteger(chainId) || chainId < 1)
    return reject('sdk/config-invalid', 'chain.chainId is not a positive integer')
  if (!indexerUrl) return reject('sdk/config-invalid', 'storage.indexerUrl is not a URL')
  if (!gatewayUrl) return reject('sdk/config-invalid', 'compute.gatewayUrl is not a URL')
  const kvUrl = asUrl(asRecord(root.kv).url) ?? asUrl(storage.kvUrl)
  const s3Url = asUrl(asRecord(root.s3).url) ?? asUrl(storage.s3Url)
  const { apiKey, operatorToken } = compute
  const consoleUrl = asUrl(asRecord(root.console).url)
  const weights = readWeights(root.weights)
  return {
    ok: true,
    value: {
      chain: {
        rpcUrl,
        wsUrl: asUrl(chain.wsUrl) ?? rpcUrl.replace(/^http/, 'ws'),
        chainId,
        accounts: readAccounts(chain),
      },
      contracts: readContracts(root.contracts),
      storage: {
        indexerUrl,
        nodeUrls: asList(storage.nodeUrls)
          .map(asUrl)
          .filter((url) => url !== undefined),
        ...(kvUrl && { kvUrl }),
        ...(s3Url && { s3Url }),
      },
      compute: {
        gatewayUrl,
        ...(typeof apiKey === 'string' && apiKey && { apiKey }),
        ...(typeof operatorToken === 'string' && operatorToken && { operatorToken }),
        providers: readProviders(compute),
      },
      ...(consoleUrl && { console: { url: consoleUrl } }),
      ...(weights && { weights }),
    },
  }
}

/** The address of a contract by the name it has in the configuration. @throws {ContractUnknownError} */
export function contractAddress(config: NetworkConfig, name: string): Hex {
  const address = config.contracts[name]
  if (!address) throw new ContractUnknownError({ name })
  return address
}

function readAccounts(chain: Record<string, unknown>): NetworkConfig['chain']['accounts'] {
  return asList(chain.accounts).flatMap((entry) => {
    const { address, privateKey } = asRecord(entry)
    if (!isHexOf(address, 20)) return []
    return [isHexOf(privateKey, 32) ? { address, privateKey } : { address }]
  })
}

function readContracts(value: unknown): NetworkConfig['contracts'] {
  const contracts: { [name: string]: Hex } = {}
  for (const [name, address] of Object.entries(asRecord(value))) if (isHexOf(address, 20)) contracts[name] = address
  return contracts
}

function readProviders(compute: Record<string, unknown>): NetworkConfig['compute']['providers'] {
  return asList(compute.providers).flatMap((entry) => {
    const { address, url, models } = asRecord(entry)
    const checked = asUrl(url)
    if (!isHexOf(address, 20) || !checked) return []
    return [{ address, url: checked, models: asList(models).filter((model) => typeof model === 'string') }]
  })
}

function readWeights(value: unknown): WeightsProgress | undefined {
  const { model, stage, doneBytes, totalBytes, reason } = asRecord(value)
  const known = weightsStages.find((each) => each === stage)
  if (typeof model !== 'string' || !known) return undefined
  const count = (bytes: unknown) => (typeof bytes === 'number' && bytes >= 0 ? bytes : 0)
  const why = typeof reason === 'string' ? { reason } : {}
  return { model, stage: known, doneBytes: count(doneBytes), totalBytes: count(totalBytes), ...why }
}

const weightsStages = ['fetching', 'storing', 'opening', 'open', 'missing'] as const

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, 256) : []
}

function asUrl(value: unknown): string | undefined {
  if (typeof value !== 'string' || !/^(https?|wss?):\/\//.test(value) || !URL.canParse(value)) return undefined
  return value.replace(/\/+$/, '')
}

export class ContractUnknownError extends WeightlessError {
  constructor(facts: { name: string }) {
    super('sdk/contract-unknown', 'The network configuration has no address for this contract.', facts, {
      hint: 'Read the configuration of the network again; this one may be older than the service you ask for.',
    })
  }
}
