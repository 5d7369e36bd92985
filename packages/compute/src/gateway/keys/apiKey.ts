/** What an API key of a gateway may do, and what it costs its owner. The secret itself is never kept. Spec: COMPUTE §10.5 */
import { bytesToHex, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import type { NeedWish } from '../../wire/marketNeed.ts'

/** What a management key may do. `keys:create` makes inference keys only and sees none of the others. */
export const managementScopes = ['account:read', 'keys:read', 'keys:create', 'keys:manage'] as const
export type ManagementScope = (typeof managementScopes)[number]

export const budgetPeriods = ['day', 'week', 'month'] as const
export type BudgetPeriod = (typeof budgetPeriods)[number]

export type KeyPolicy = {
  name: string
  /** Wei that the key may spend, in each period or altogether; undefined: as much as its account has. */
  budgetWei?: bigint | undefined
  /** UTC days, weeks from Monday, months; undefined: the budget is for ever. */
  budgetPeriod?: BudgetPeriod | undefined
  /** Empty: all. */
  models: readonly string[]
  /** Addresses in lower case; empty: all. */
  providers: readonly string[]
  /** Asked of every provider, beside what a request asks; undefined: no match is asked for. */
  need?: NeedWish | undefined
  requestsPerMinute?: number | undefined
  tokensPerMinute?: number | undefined
  /** Milliseconds since the Unix epoch. */
  expiresAtMs?: number | undefined
}

export type ApiKey = KeyPolicy & {
  /** `key_…`, the beginning of the secret's hash. */
  id: string
  kind: 'inference' | 'management'
  scopes: readonly ManagementScope[]
  /** SHA-256 of the secret, hex. Secrets have 192 random bits, so a fast hash gives nothing away. */
  secretHash: string
  /** First and last characters, for people to tell keys apart. */
  hint: string
  createdAtMs: number
  revokedAtMs?: number | undefined
}

export const keyPrefixes = { inference: 'sk-', management: 'mk-' } as const

export function hashSecret(secret: string): string {
  return bytesToHex(sha256(textToBytes(secret))).slice(2)
}

export const keyIdOf = (secretHash: string): string => `key_${secretHash.slice(0, 24)}`

export const hintOf = (secret: string): string => `${secret.slice(0, 6)}…${secret.slice(-4)}`

/** Takes the same time wherever the two differ. */
export function sameHash(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let at = 0; at < a.length; at++) difference |= a.charCodeAt(at) ^ b.charCodeAt(at)
  return difference === 0
}

const dayMs = 86_400_000

/** Days since the Unix epoch, UTC. */
export const dayOf = (nowMs: number): number => Math.floor(nowMs / dayMs)

/** First day of the period that `nowMs` lies in; 0 without a period. */
export function periodStartDay(period: BudgetPeriod | undefined, nowMs: number): number {
  const day = dayOf(nowMs)
  if (period === undefined) return 0
  if (period === 'day') return day
  // The epoch began on a Thursday.
  if (period === 'week') return day - ((day + 3) % 7)
  return day - (new Date(nowMs).getUTCDate() - 1)
}
