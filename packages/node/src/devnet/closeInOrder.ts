/** Closes what was opened, last first; one failure does not keep the others open. */
export type Closers = { add(close: () => Promise<void> | void): void; close(): Promise<void> }

export function createClosers(): Closers {
  const stack: (() => Promise<void> | void)[] = []
  return {
    add: (close) => void stack.push(close),
    async close() {
      const failures: unknown[] = []
      for (let next = stack.pop(); next; next = stack.pop()) {
        try {
          await next()
        } catch (error) {
          failures.push(error)
        }
      }
      if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be closed.')
    },
  }
}
