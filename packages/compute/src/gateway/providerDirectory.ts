/** The providers of the registry on the chain, what they serve at which price. COMPUTE §10.1 */
import { type Hex, isHexOf } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import type { Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import type { Price } from '@weightless/receipt'

export type ListedProvider = {
  address: Hex
  url: string
  model: string
  verifiability: string
  price: Price
  /** From the registry's `additionalInfo`; undefined for services that are not of this kind. */
  modelRoot: Hex | undefined
  programId: Hex | undefined
  tokenizerRoot: Hex | undefined
  contextLength: number
  /** What it sells: `chat`, `embeddings` and so on; whoever does not say sells chat. */
  services: readonly string[]
  region: string | undefined
  /** X25519, to which requests may be sealed. */
  encryptionKey: Hex | undefined
  registeredSeconds: number
}

export type ProviderDirectory = {
  /** @throws {LedgerUnreachableError} only when nothing has ever been read */
  list(): Promise<ListedProvider[]>
  /** Providers of one model; a model that is not in the list may have come since, so the chain is asked again, in bounds. */
  listOf(model: string): Promise<ListedProvider[]>
  /** The next `list` reads the chain again. */
  forget(): void
}

const pageSize = 50n
const pagesMax = 20
/** Requests for models that nobody has read the chain at most this often. */
const unknownModelAgeMsMax = 250

export function createProviderDirectory(options: {
  env: Pick<Env, 'clock' | 'log'>
  ledger: Ledger
  inferenceServing: Hex
  ageMsMax: number
  /** Also those that say of themselves that they are bad on purpose. */
  showPlanted?: boolean
}): ProviderDirectory {
  const { env, ageMsMax } = options
  let listed: { providers: ListedProvider[]; readAtMs: number } | undefined
  let reading: Promise<ListedProvider[]> | undefined

  async function read(): Promise<ListedProvider[]> {
    try {
      const providers = await readRegistry(options)
      listed = { providers, readAtMs: env.clock.monotonicMs() }
      return providers
    } catch (fault) {
      // An old list is better than none while the chain is away; prices are locked by receipts anyway.
      if (!listed) throw fault
      env.log.warn('registry not read', { reason: String(fault) })
      return listed.providers
    } finally {
      reading = undefined
    }
  }

  function listWithin(ageMs: number): Promise<ListedProvider[]> {
    if (listed && env.clock.monotonicMs() - listed.readAtMs <= ageMs) return Promise.resolve(listed.providers)
    reading ??= read()
    return reading
  }

  return {
    async list() {
      const known = await listWithin(ageMsMax)
      // Nobody yet: the first provider may have opened a moment ago.
      return known.length > 0 ? known : listWithin(Math.min(ageMsMax, unknownModelAgeMsMax))
    },
    async listOf(model) {
      const offers = (providers: readonly ListedProvider[]) => providers.filter((provider) => provider.model === model)
      const known = offers(await listWithin(ageMsMax))
      return known.length > 0 ? known : offers(await listWithin(Math.min(ageMsMax, unknownModelAgeMsMax)))
    },
    forget() {
      if (listed) listed.readAtMs = Number.NEGATIVE_INFINITY
    },
  }
}

async function readRegistry(options: { ledger: Ledger; inferenceServing: Hex; showPlanted?: boolean }) {
  const { ledger, inferenceServing, showPlanted = false } = options
  const providers: ListedProvider[] = []
  for (let page = 0; page < pagesMax; page++) {
    const [services, total] = await ledger.read({
      address: inferenceServing,
      abi: abis.inferenceServing,
      functionName: 'getAllServices',
      args: [BigInt(page) * pageSize, pageSize],
    })
    for (const service of services) {
      const info = readInfo(service.additionalInfo)
      // Services of others know neither authorisations nor receipts.
      if (!info || (info.planted && !showPlanted) || !/^https?:\/\//.test(service.url)) continue
      providers.push({
        address: service.provider.toLowerCase() as Hex,
        url: service.url.replace(/\/+$/, ''),
        model: service.model,
        verifiability: service.verifiability,
        price: {
          model: service.model,
          inputWeiPerToken: service.inputPrice,
          outputWeiPerToken: service.outputPrice,
          updatedAt: service.updatedAt,
        },
        ...withoutLabel(info),
        registeredSeconds: Number(service.updatedAt),
      })
    }
    if (BigInt(page + 1) * pageSize >= total) break
  }
  return providers
}

const withoutLabel = <Info extends { planted: boolean }>({ planted: _, ...info }: Info) => info

/** Anybody can register anything: what is not as we write it is as if it were not there. */
function readInfo(text: string) {
  const hash = (value: unknown) => (isHexOf(value, 32) ? value : undefined)
  let info: Record<string, unknown> | undefined
  try {
    const parsed = JSON.parse(text) as { weightless?: unknown } | null
    if (typeof parsed?.weightless === 'object' && parsed.weightless !== null) {
      info = parsed.weightless as Record<string, unknown>
    }
  } catch {
    // Another kind of service.
  }
  if (!info) return undefined
  const { modelRoot, programId, tokenizerRoot, contextLength, services, region, encryptionKey, planted } = info
  return {
    modelRoot: hash(modelRoot),
    programId: hash(programId),
    tokenizerRoot: hash(tokenizerRoot),
    contextLength: typeof contextLength === 'number' && contextLength > 0 ? contextLength : 0,
    services: Array.isArray(services) ? services.slice(0, 16).map(String) : ['chat'],
    region: typeof region === 'string' ? region.slice(0, 64) : undefined,
    encryptionKey: hash(encryptionKey),
    planted: planted === true,
  }
}
