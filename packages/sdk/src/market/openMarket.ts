/** The compute market through a gateway: who offers what at which price and how well, and what was spent on it. */
import type { Hex } from '@weightless/codec'
import { readNeed, type Wanted } from '@weightless/contracts/readNeed'
import { getJson } from '../chat/callGateway.ts'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'
import { type FoundProviders, findProviders } from './findProviders.ts'
import { type RemadeMatch, remakeMatch } from './remakeMatch.ts'

export type OfferedModel = {
  model: string
  provider: Hex
  url: string
  /** Wei per token. */
  inputWeiPerToken: bigint
  outputWeiPerToken: bigint
  contextLength: number
  /** Whether anybody can execute its answers again. */
  exact: boolean
  services: string[]
  region: string | undefined
  /** The gateway's own measurements; undefined where it has none yet. */
  health: {
    state: string
    firstTokenMs: number | undefined
    tokensPerSecond: number | undefined
    /** 0 to 1. */
    errorRate: number
    requests: number
    failures: number
  }
}

export type UsageRow = {
  /** `2026-11-28`. */
  date: string
  model: string
  provider: Hex
  requests: number
  promptTokens: number
  completionTokens: number
  spentWei: bigint
}

export type Spending = {
  /** The account that pays behind the key. */
  address: Hex
  /** In the ledger: free to move, and altogether. */
  availableWei: bigint
  totalWei: bigint
  spentWei: bigint
  heldWei: bigint
  /** Of the key's budget; undefined when it has none. */
  leftWei: bigint | undefined
}

export type MarketApi = {
  /**
   * Who serves a need, best first, matched here from the chain's list of offers (MARKET §4); nothing is asked of a gateway.
   * @param count - numbers the asker's matches at one block, so that each draws anew
   * @throws {ContractUnknownError} on a network without a market @throws {RegionTooLongError} {LedgerUnreachableError}
   */
  find(need: Wanted, count?: number): Promise<FoundProviders>
  /**
   * Makes a gateway's choice again from the chain: whom the market's rule gives for the need that the gateway says it had.
   * @param header - `x-weightless-match` of an answer @throws {MatchUnreadableError} {MatchForeignError} {LedgerUnreachableError}
   */
  remake(header: string): Promise<RemadeMatch>
  /** All offers, or those of one model. */
  offers(model?: string): Promise<OfferedModel[]>
  /** What the API key used, by day, model and provider. */
  usage(days?: number): Promise<UsageRow[]>
  spending(): Promise<Spending>
}

export function openMarket(context: ClientContext): MarketApi {
  return {
    async find(wanted, count = 0) {
      const { ledger, config, account } = context
      const market = contractAddress(config, 'serviceMarket')
      const requester = account?.address ?? nobody
      return findProviders(ledger, market, readNeed(wanted), { requester, count })
    },
    remake: (header) => remakeMatch(context.ledger, contractAddress(context.config, 'serviceMarket'), header),
    async offers(model) {
      const query = model === undefined ? '' : `?model_id=${encodeURIComponent(model)}`
      return listOf(await getJson(context, `/v1/providers${query}`)).map(offerOf)
    },
    async usage(days = 31) {
      return listOf(await getJson(context, `/v1/usage?days=${days}`)).map((row) => ({
        date: String(row.date),
        model: String(row.model),
        provider: row.provider as Hex,
        requests: countOf(row.requests),
        promptTokens: countOf(row.prompt_tokens),
        completionTokens: countOf(row.completion_tokens),
        spentWei: weiOf(row.spent_wei) ?? 0n,
      }))
    },
    async spending() {
      const account = (await getJson(context, '/v1/account')) as Json
      return {
        address: account.address as Hex,
        availableWei: weiOf(account.available_wei) ?? 0n,
        totalWei: weiOf(account.total_wei) ?? 0n,
        spentWei: weiOf(account.spent_wei) ?? 0n,
        heldWei: weiOf(account.held_wei) ?? 0n,
        leftWei: weiOf(account.left_wei),
      }
    },
  }
}

/** Who has no account draws as this one. */
const nobody: Hex = `0x${'00'.repeat(20)}`

type Json = { [field: string]: unknown }

function offerOf(card: Json): OfferedModel {
  const pricing = (card.pricing ?? {}) as Json
  return {
    model: String(card.id),
    provider: card.provider as Hex,
    url: String(card.url ?? ''),
    inputWeiPerToken: weiOf(pricing.prompt) ?? 0n,
    outputWeiPerToken: weiOf(pricing.completion) ?? 0n,
    contextLength: numberOf(card.context_length) ?? 0,
    exact: card.exact === true,
    services: Array.isArray(card.services) ? card.services.map(String) : [],
    region: typeof card.region === 'string' ? card.region : undefined,
    health: {
      state: String(card.state ?? 'unknown'),
      firstTokenMs: numberOf(card.first_token_ms),
      tokensPerSecond: numberOf(card.tokens_per_second),
      errorRate: numberOf(card.error_rate) ?? 0,
      requests: numberOf(card.requests) ?? 0,
      failures: numberOf(card.failures) ?? 0,
    },
  }
}

function listOf(answer: unknown): Json[] {
  const { data } = (answer ?? {}) as Json
  return Array.isArray(data) ? data.filter((entry) => typeof entry === 'object' && entry !== null) : []
}

const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

/** Gateways send sums of tokens as decimal text, as they do wei. */
const countOf = (value: unknown): number => Number(weiOf(value) ?? 0n)

function weiOf(value: unknown): bigint | undefined {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  return typeof value === 'string' && /^\d{1,78}$/.test(value) ? BigInt(value) : undefined
}
