/** One flush at a time for all who ask; who comes while one is under way shares the next with everybody else who does. Spec: store §1.2 */

export type SharedFlushes = {
  /** Resolves when a flush that began after the call has ended. */
  sync(): Promise<void>
  /** Resolves when the flush under way, if there is one, has ended; its fault is told to those who asked for it. */
  underWay(): Promise<void>
  /** Resolves when every flush that was asked for has ended. */
  all(): Promise<void>
}

/**
 * @param inOrder - runs a piece of work after all that was begun before it. A flush begins in its turn and ends outside of it:
 *   what is written meanwhile waits for no disk, and the next flush takes all of it.
 * @param flush - makes durable what is written when it is called
 */
export function shareFlushes(
  inOrder: <Value>(run: () => Promise<Value>) => Promise<Value>,
  flush: () => Promise<void>,
): SharedFlushes {
  let next: Promise<void> | undefined
  /** Of the last one that was begun or has its turn; never rejects. */
  let last: Promise<void> = Promise.resolve()
  let running: Promise<void> = Promise.resolve()

  async function flushNext(): Promise<void> {
    await last
    // Whoever asks from here on may have written behind this turn.
    next = undefined
    const turn = inOrder(async () => {
      const ended = flush()
      running = settled(ended)
      return { ended }
    })
    const done = turn.then(({ ended }) => ended)
    last = settled(done)
    await done
  }

  return {
    sync() {
      next ??= flushNext()
      return next
    },
    underWay: () => running,
    async all() {
      while (next) await settled(next)
      await last
    },
  }
}

function settled(work: Promise<void>): Promise<void> {
  return work.catch(() => undefined)
}
