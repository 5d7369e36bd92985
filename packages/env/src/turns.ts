/** Lets a bounded number of things happen at once; the others wait in order, a bounded number of them too. */

export type Turns = {
  /** Runs `work` when its turn comes; undefined when too many wait already. */
  run<Value>(work: () => Promise<Value>): Promise<Value> | undefined
}

export function createTurns(atOnceMax: number, waitingMax: number): Turns {
  let running = 0
  const waiting: (() => void)[] = []

  async function take<Value>(work: () => Promise<Value>): Promise<Value> {
    if (running >= atOnceMax) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      // The place is handed on, so that nobody who comes now overtakes those that wait.
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }

  return { run: (work) => (running >= atOnceMax && waiting.length >= waitingMax ? undefined : take(work)) }
}
