/**
 * Limits of time that are nearly always called off before they are reached: one wait of the clock serves all of them, where
 * a wait for each with its own signal costs more than the hashing of a request.
 */
import type { Clock } from './env.ts'

type Limit = { dueMs: number; expire(): void }
type Table = { limits: Set<Limit>; isWatched: boolean }

/** The longest wait in one piece, and so the time for which a clock is kept waiting after the last limit was called off. */
const lookMs = 250
/** Timers of the system fire up to this much early. */
const earlyMs = 1
const tables = new WeakMap<Clock, Table>()

/**
 * Calls `expire` once when `ms` have passed, unless the function returned was called before. As many are open at a time as
 * the caller has work in hand. `expire` does not throw.
 */
export function callLater(clock: Clock, ms: number, expire: () => void): () => void {
  const table = tables.get(clock) ?? { limits: new Set(), isWatched: false }
  tables.set(clock, table)
  const limit = { dueMs: clock.monotonicMs() + ms, expire }
  table.limits.add(limit)
  if (!table.isWatched) void watch(clock, table)
  // The wait that is under way may end later than this.
  else if (ms < lookMs) clock.sleep(ms).then(() => expireDue(clock, table), leave)
  return () => {
    table.limits.delete(limit)
  }
}

async function watch(clock: Clock, table: Table): Promise<void> {
  table.isWatched = true
  try {
    while (table.limits.size > 0) {
      let waitMs = lookMs
      for (const { dueMs } of table.limits) waitMs = Math.min(waitMs, dueMs - clock.monotonicMs())
      await clock.sleep(Math.max(0, waitMs))
      expireDue(clock, table)
    }
  } catch {
    leave()
  } finally {
    table.isWatched = false
  }
}

function expireDue(clock: Clock, { limits }: Table): void {
  const nowMs = clock.monotonicMs()
  for (const limit of limits) {
    if (limit.dueMs > nowMs + earlyMs || !limits.delete(limit)) continue
    limit.expire()
  }
}

/** A clock refuses to wait only when its world has ended, and all limits with it. */
function leave(): void {}
