/** What the parts of one gateway share. */
import type { Hex } from '@weightless/codec'
import type { Env, HttpHeaders } from '@weightless/env'
import type { Bundle } from '@weightless/receipt'
import type { LocalAccount } from 'viem'
import type { ApiError } from '../wire/apiError.ts'
import type { NeedWish } from '../wire/marketNeed.ts'
import type { MetricsAccess } from './answerMetrics.ts'
import type { AuditorDesk } from './audits/answerAuditor.ts'
import type { SharedAnswers } from './audits/sharedAnswers.ts'
import type { MarketList } from './choice/marketList.ts'
import type { Funder } from './fundTab.ts'
import type { GatewayMetrics } from './gatewayMetrics.ts'
import type { GatewayLimits } from './gatewayOptions.ts'
import type { ProviderHealth } from './health/providerHealth.ts'
import type { ApiKey } from './keys/apiKey.ts'
import type { KeyRing } from './keys/keyRing.ts'
import type { RateLimiter } from './keys/rateLimiter.ts'
import type { CheckBook } from './levels/checkBook.ts'
import type { Referee } from './levels/referee.ts'
import type { Tab } from './openTab.ts'
import type { ListedProvider, ProviderDirectory } from './providerDirectory.ts'
import type { PurseLog } from './purseLog.ts'

/** An account that pays; many keys may share one. */
export type Payer = {
  user: Hex
  account: LocalAccount
  funder: Funder
  tabOf(provider: ListedProvider): Tab
}

/** One API key at work. */
export type Customer = {
  key: ApiKey
  payer: Payer
  /** Requests in flight, and the most that they may cost together. */
  inFlight: number
  heldWei: bigint
}

export type GatewayContext = {
  env: Pick<Env, 'clock' | 'random' | 'log' | 'metrics'>
  limits: GatewayLimits
  directory: ProviderDirectory
  /** Undefined on a network without a market. */
  market: MarketList | undefined
  /** What the gateway asks of every provider. */
  need: NeedWish | undefined
  health: ProviderHealth
  purse: PurseLog
  keys: KeyRing
  rates: RateLimiter
  metrics: GatewayMetrics
  /** Who may see them. */
  metricsFor: MetricsAccess
  /** Whoever the secret in the headers belongs to; refused when it is unknown, over or revoked. */
  customerOf(headers: HttpHeaders): { customer: Customer } | { error: ApiError }
  /** Of a key that somebody else manages. */
  customerOfKey(key: ApiKey): Customer
  /** What the account has in the ledger and with providers, from the chain. */
  balanceOf(payer: Payer): Promise<{ availableWei: bigint; totalWei: bigint }>
  /** Receipts that are being fetched, by job id: whoever asks for one waits for it. */
  settling: Map<string, { keyId: string; bundle: Promise<Bundle | undefined> }>
  /** Executes answers again; undefined where the gateway has no weights. */
  referee: Referee | undefined
  checks: CheckBook
  /** What users let auditors see, and who asks for it. */
  shared: SharedAnswers
  answerAuditor: AuditorDesk
  /** Says that the gateway is in use: providers are probed. */
  busy(): void
  /** Aborts when the gateway closes. */
  stopping: AbortSignal
}
