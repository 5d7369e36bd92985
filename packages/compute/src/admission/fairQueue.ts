/** A bounded waiting room in front of an engine: users take turns, whatever the number of jobs each has brought. */
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
   * Resolves when it is this job's turn, with the function that ends the turn (safe to call twice).
   * @throws {QueueFullError} at once @throws {QueueLeftError} when `signal` aborts before the turn comes
   */
  enter(user: string, signal: AbortSignal): Promise<() => void>
  /** Jobs that run and that wait. */
  size(): { running: number; waiting: number }
}

type Waiter = { user: string; start: () => void }

export function createFairQueue({ runningMax, waitingMax, perUserMax }: FairQueueOptions): FairQueue {
  /** Users with waiting jobs, in the order of their turns. */
  const turns = new Map<string, Waiter[]>()
  const held = new Map<string, number>()
  let running = 0
  let waiting = 0

  function admitNext(): void {
    while (running < runningMax) {
      const next = turns.entries().next()
      if (next.done) return
      const [user, waiters] = next.value
      const waiter = waiters.shift()!
      turns.delete(user)
      // Behind everybody else who waits.
      if (waiters.length > 0) turns.set(user, waiters)
      waiting--
      running++
      waiter.start()
    }
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
    const waiters = turns.get(waiter.user)
    const at = waiters?.indexOf(waiter) ?? -1
    if (!waiters || at < 0) return false
    waiters.splice(at, 1)
    if (waiters.length === 0) turns.delete(waiter.user)
    waiting--
    leave(waiter.user)
    return true
  }

  return {
    size: () => ({ running, waiting }),
    enter(user, signal) {
      const own = held.get(user) ?? 0
      if (own >= perUserMax) return Promise.reject(new QueueFullError('user', { ofUser: own, perUserMax }))
      if (running >= runningMax && waiting >= waitingMax) {
        return Promise.reject(new QueueFullError('all', { waiting, waitingMax }))
      }
      if (signal.aborted) return Promise.reject(new QueueLeftError())
      held.set(user, own + 1)
      return new Promise((resolve, reject) => {
        const waiter: Waiter = { user, start: () => resolve(endTurnOf(user)) }
        signal.addEventListener('abort', () => withdraw(waiter) && reject(new QueueLeftError()), { once: true })
        turns.set(user, [...(turns.get(user) ?? []), waiter])
        waiting++
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
