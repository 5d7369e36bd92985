/** Turns pushed messages into an `AsyncIterable`: what sockets and task ports of every world have in common. */

export type MessageQueue<Message> = {
  /** Dropped after `end`. Returns how many wait. */
  push(message: Message): number
  /** No more will come: the reader gets what waits, then the end, or `error`. */
  end(error?: unknown): void
  messages: AsyncIterableIterator<Message>
}

/**
 * @param onTaken - called after each message taken, with how many still wait; for back-pressure
 * @param onLeave - called when the reader leaves the loop early
 */
export function createMessageQueue<Message>(
  onTaken: (waiting: number) => void = () => {},
  onLeave: () => void = () => {},
): MessageQueue<Message> {
  const waiting: Message[] = []
  let ended = false
  let failure: unknown
  let wake: (() => void) | undefined
  const rouse = (): void => {
    wake?.()
    wake = undefined
  }
  const end = (error?: unknown): void => {
    if (ended) return
    ended = true
    failure = error
    rouse()
  }
  const messages: AsyncIterableIterator<Message> = {
    [Symbol.asyncIterator]: () => messages,
    async next() {
      while (waiting.length === 0 && !ended) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      if (waiting.length > 0) {
        const value = waiting.shift()!
        onTaken(waiting.length)
        return { done: false, value }
      }
      if (failure !== undefined) {
        const error = failure
        failure = undefined
        throw error
      }
      return { done: true, value: undefined }
    },
    async return() {
      waiting.length = 0
      end()
      onLeave()
      return { done: true, value: undefined }
    },
  }
  return {
    push: (message) => {
      if (!ended) waiting.push(message)
      rouse()
      return waiting.length
    },
    end,
    messages,
  }
}
