/**
 * A bounded waiting room in front of an engine: users take turns in proportion to their tickets, whatever the number of
 * jobs each has brought, and nobody starves (self-clocked fair queueing). Spec: spec/market.md 5.3.
 */
import { WeightlessError } from '@weightless/codec'

export type FairQueueOptions = {
  /** Jobs that may run at once. */
  runningMax: number
  /** Jobs that may wait, of all users. */
  waitingMax: number
  /** Jobs of one user, waiting and running. */
  perUserMax: number
}

export type FairQueue = {
  /**
   * Resolves when it is this job's turn, with the function that ends the turn (safe to call twice). `tickets`, 1 to 64
   * and 1 if not given, are the user's share of the turns; each job keeps those that it came with.
   * @throws {QueueFullError} at once @throws {QueueLeftError} when `signal` aborts before the turn comes
   */
  enter(user: string, signal: AbortSignal, tickets?: number): Promise<() => void>
  /** Jobs that run and that wait. */
  size(): { running: number; waiting: number }
}

/** `tag`: the job with the lowest is next. */
type Waiter = { user: string; tag: number; start: () => void }

const ticketsMax = 64
/** What one turn costs a user with one ticket; divisible by all powers of two up to 64. */
const turnCost = 1 << 20

export function createFairQueue({ runningMax, waitingMax, perUserMax }: FairQueueOptions): FairQueue {
  /** In the order of their turns. */
  const waiters: Waiter[] = []
  const held = new Map<string, number>()
  let running = 0
  /** Tag of the job that was admitted last. */
  let clock = 0

  function admitNext(): void {
    while (running < runningMax) {
      const waiter = waiters.shift()
      if (!waiter) break
      clock = waiter.tag
      running++
      waiter.start()
    }
    if (running === 0) clock = 0
  }

  /** Behind the user's own jobs and all that are as near or nearer. */
  function line(waiter: Waiter): void {
    const at = waiters.findIndex(({ tag }) => tag > waiter.tag)
    waiters.splice(at < 0 ? waiters.length : at, 0, waiter)
  }

  function tagOf(user: string, tickets: number): number {
    const before = waiters.findLast((waiter) => waiter.user === user)?.tag ?? clock
    return before + Math.floor(turnCost / Math.min(Math.max(Math.floor(tickets), 1), ticketsMax))
  }

  function leave(user: string): void {
    const count = held.get(user)! - 1
    if (count === 0) held.delete(user)
    else held.set(user, count)
  }

  function endTurnOf(user: string): () => void {
    let ended = false
    return () => {
      if (ended) return
      ended = true
      running--
      leave(user)
      admitNext()
    }
  }

  function withdraw(waiter: Waiter): boolean {
    const at = waiters.indexOf(waiter)
    if (at < 0) return false
    waiters.splice(at, 1)
    leave(waiter.user)
    return true
  }

  return {
    size: () => ({ running, waiting: waiters.length }),
    enter(user, signal, tickets = 1) {
      const own = held.get(user) ?? 0
      if (own >= perUserMax) return Promise.reject(new QueueFullError('user', { ofUser: own, perUserMax }))
      if (running >= runningMax && waiters.length >= waitingMax) {
        return Promise.reject(new QueueFullError('all', { waiting: waiters.length, waitingMax }))
      }
      if (signal.aborted) return Promise.reject(new QueueLeftError())
      held.set(user, own + 1)
      return new Promise((resolve, reject) => {
        const waiter: Waiter = { user, tag: tagOf(user, tickets), start: () => resolve(endTurnOf(user)) }
        signal.addEventListener('abort', () => withdraw(waiter) && reject(new QueueLeftError()), { once: true })
        line(waiter)
        admitNext()
      })
    },
  }
}

/** `scope` tells whether this user or everybody together has brought too much. */
export class QueueFullError extends WeightlessError {
  readonly scope: 'user' | 'all'

  constructor(scope: 'user' | 'all', facts: Record<string, number>) {
    super('compute/queue-full', 'Too many jobs wait already.', facts, { hint: 'Try again in some seconds.' })
    this.scope = scope
  }
}

export class QueueLeftError extends WeightlessError {
  constructor() {
    super('compute/queue-left', 'The client left before its turn.')
  }
}
