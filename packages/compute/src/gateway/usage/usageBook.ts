/** What each key used of each model of each provider on each day: a fold over the receipts, and nothing else. COMPUTE §10.7 */
import type { Hex } from '@weightless/codec'
import { dayOf } from '../keys/apiKey.ts'

export type UsedJob = {
  /** Undefined: answered before keys were told apart; it counts for the account. */
  keyId: string | undefined
  user: Hex
  provider: Hex
  model: string
  promptTokens: bigint
  completionTokens: bigint
  fee: bigint
  /** Milliseconds since the Unix epoch. */
  atMs: number
}

export type UsageRow = {
  keyId: string
  user: Hex
  model: string
  provider: Hex
  /** UTC, `YYYY-MM-DD`. */
  day: string
  requests: number
  promptTokens: bigint
  completionTokens: bigint
  feeWei: bigint
}

export type UsageBook = {
  add(job: UsedJob): void
  /** Wei of a key's receipts since a day, 0 for all. */
  spent(keyId: string, sinceDay: number): bigint
  /** Oldest day first. */
  rows(filter: { keyId?: string | undefined; sinceDay?: number }): UsageRow[]
}

/** Older days are kept in the sum of a key, not row by row. */
const daysKept = 400

/** Under what jobs without a key are counted. */
export const accountKeyId = (user: Hex): string => `account:${user}`

export function createUsageBook(): UsageBook {
  const days = new Map<number, Map<string, UsageRow>>()
  const spentByDay = new Map<string, { total: bigint; byDay: Map<number, bigint> }>()
  let newestDay = 0

  function forgetOld(): void {
    for (const day of days.keys()) if (day < newestDay - daysKept) days.delete(day)
    for (const { byDay } of spentByDay.values()) {
      for (const day of byDay.keys()) if (day < newestDay - daysKept) byDay.delete(day)
    }
  }

  return {
    add({ keyId: knownKeyId, user, provider, model, promptTokens, completionTokens, fee, atMs }) {
      const keyId = knownKeyId ?? accountKeyId(user)
      const day = dayOf(atMs)
      if (day > newestDay) {
        newestDay = day
        forgetOld()
      }
      let spent = spentByDay.get(keyId)
      if (!spent) {
        spent = { total: 0n, byDay: new Map() }
        spentByDay.set(keyId, spent)
      }
      spent.total += fee
      spent.byDay.set(day, (spent.byDay.get(day) ?? 0n) + fee)
      let rows = days.get(day)
      if (!rows) {
        rows = new Map()
        days.set(day, rows)
      }
      const place = `${keyId}\n${provider}\n${model}`
      let row = rows.get(place)
      if (!row) {
        const none = { requests: 0, promptTokens: 0n, completionTokens: 0n, feeWei: 0n }
        row = { keyId, user, model, provider, day: textOfDay(day), ...none }
        rows.set(place, row)
      }
      row.requests++
      row.promptTokens += promptTokens
      row.completionTokens += completionTokens
      row.feeWei += fee
    },
    spent(keyId, sinceDay) {
      const spent = spentByDay.get(keyId)
      if (!spent) return 0n
      if (sinceDay === 0) return spent.total
      let sum = 0n
      for (const [day, wei] of spent.byDay) if (day >= sinceDay) sum += wei
      return sum
    },
    rows({ keyId, sinceDay = 0 }) {
      const found: UsageRow[] = []
      for (const [day, rows] of [...days].toSorted(([a], [b]) => a - b)) {
        if (day < sinceDay) continue
        for (const row of rows.values()) if (keyId === undefined || row.keyId === keyId) found.push({ ...row })
      }
      return found
    },
  }
}

function textOfDay(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10)
}
