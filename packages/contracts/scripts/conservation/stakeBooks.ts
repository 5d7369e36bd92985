/** What a stake's wei are at any moment, and what a shown fault or a verdict does to them. Spec: spec/settlement.md 9 */
import assert from 'node:assert/strict'

export type StakeBooks = {
  /** Behind the provider's present service. */
  active: bigint
  /** Taken back, and slashable until `readyAt`, in Unix seconds. */
  waiting: bigint
  readyAt: bigint
  /** Cases that counted: jobs by number, a judge's by name. */
  faults: Set<bigint | string>
  credits: { user: bigint; reporter: bigint }
  burned: bigint
  /** Wei that the provider put up, less what left the contracts. */
  staked: bigint
  faultPercent: bigint
}

export const least = (a: bigint, b: bigint) => (a < b ? a : b)

/**
 * What a shown fault must have done, or that it was refused for a reason.
 * @param now - Unix seconds
 * @param wanted - a judge's amount; without it the share that a signed fault costs
 */
export function slash(books: StakeBooks, now: bigint, fault: bigint | string, ok: boolean, wanted?: bigint): void {
  const waiting = now < books.readyAt ? books.waiting : 0n
  const there = books.active + waiting
  const amount = wanted === undefined ? (there * books.faultPercent) / 100n : least(wanted, there)
  assert.equal(ok, !books.faults.has(fault) && amount > 0n)
  if (!ok) return
  books.faults.add(fault)
  const first = least(amount, waiting)
  books.waiting -= first
  books.active -= amount - first
  const [toUser, toReporter] = [(amount * 40n) / 100n, amount / 10n]
  books.credits.user += toUser
  books.credits.reporter += toReporter
  books.burned += amount - toUser - toReporter
  books.staked -= amount - toUser - toReporter
}
