/** What whoever runs a gateway may set. */
import type { Env } from '@weightless/env'
import type { LocalAccount } from 'viem'
import { z } from 'zod'
import type { ComputeContracts } from '../provider/startOptions.ts'
import type { NeedWish } from '../wire/marketNeed.ts'
import type { RefereeOptions } from './levels/referee.ts'

/** One API key and the account that pays for it. */
export type GatewayKey = {
  /** `sk-…` */
  key: string
  /** The user's own key: signs session tokens, authorisations and vouchers, and moves her money where that is asked for. */
  account: LocalAccount
  /** Wei that this key may spend altogether; no cap without it. */
  spendingCapWei?: bigint
  requestsPerMinute?: number
  tokensPerMinute?: number
}

export type GatewayOptions = {
  env: Env
  /** Folder of `env.disk` for receipts and vouchers; default `gateway`. */
  folder?: string
  rpcUrl: string
  chainId: number
  contracts: ComputeContracts
  port: number
  host?: string
  /** Keys from the operator's settings; further ones are made over HTTP. */
  keys: readonly GatewayKey[]
  /** `mk-…`: may do everything with keys and accounts, and asks for no inference. Without it no key can be made over HTTP. */
  managementKey?: string
  /**
   * Asked as a bearer token at `GET /metrics`; 16 to 256 printable ASCII characters. Without it they are open where `host`
   * is loopback, and closed elsewhere.
   */
  metricsToken?: string
  /** Pays for the keys that are made over HTTP; default: the account of the first of `keys`. */
  account?: LocalAccount
  /**
   * Wei that are moved from the user's prepaid ledger to a provider whenever her account with it runs short; without it
   * users fund each provider themselves.
   */
  autoFundWei?: bigint
  /** Asked of every provider, whatever key and request ask: all are matched on the market then. COMPUTE §10.2.1 */
  need?: NeedWish
  /**
   * Weights by their storage root, with which the gateway executes answers again (levels `sampled` and `refereed`);
   * without it, it offers `refereed` and `full` alone, and cannot say who is wrong. COMPUTE §10.10
   */
  weights?: Omit<RefereeOptions, 'env'>
  limits?: Partial<GatewayLimits>
}

export const gatewayLimitsSchema = z.object({
  /** Tokens of an answer when the request names no limit: the user signs for a definite number. */
  defaultMaxTokens: z.int().min(1).default(1_024),
  bodyBytesMax: z
    .int()
    .min(1_024)
    .default(4 * 1024 * 1024),
  /** Providers that are asked for one model of a request, until one begins to answer. */
  attemptsMax: z.int().min(1).default(3),
  /** How long all attempts of a request may take together before the first token. */
  answerWaitMsMax: z.int().min(100).default(120_000),
  /** How long one provider may take to its first token while there is another to ask. */
  firstTokenMsMax: z.int().min(10).default(60_000),
  /** A provider of which nothing was heard for so long is probed, while the gateway is in use; 0: never. */
  probeIntervalMs: z.int().min(0).default(5_000),
  /** Requests in flight of one key. */
  perKeyMax: z.int().min(1).default(32),
  /** How old the list of providers may be. */
  directoryAgeMsMax: z.int().min(0).default(5_000),
  /** How long a request waits here while all providers are busy. */
  busyWaitMsMax: z.int().min(0).default(30_000),
  /** Only providers that accept a job before they begin may answer, whatever the request says. COMPUTE §10.2 */
  mustAccept: z.boolean().default(false),
  /** Also providers that say of themselves that they are bad on purpose: auditors ask them, users do not. */
  showPlanted: z.boolean().default(false),
  /** Share of the answers that users let auditors see which is kept for them. COMPUTE §10.11 */
  sharedShare: z.number().min(0).max(1).default(0.25),
  /** Silence of a provider that ends an attempt. */
  providerTimeoutMs: z.int().min(100).default(120_000),
  /** A client that takes nothing for so long loses its answer. */
  stallMsMax: z.int().min(100).default(20_000),
})

export type GatewayLimits = z.infer<typeof gatewayLimitsSchema>
