/** Bytes that may be on their way at once: whoever wants to send more waits until some have arrived. */

export type ByteWindow = {
  /** Resolves when there is room. What is larger than the window passes alone. */
  take(bytes: number): Promise<void>
  give(bytes: number): void
}

export function createByteWindow(bytesMax: number): ByteWindow {
  let used = 0
  const waiting: { bytes: number; resolve: () => void }[] = []

  function admit(): void {
    while (waiting.length > 0 && (used === 0 || used + waiting[0]!.bytes <= bytesMax)) {
      const { bytes, resolve } = waiting.shift()!
      used += bytes
      resolve()
    }
  }

  return {
    take(bytes) {
      return new Promise((resolve) => {
        waiting.push({ bytes, resolve })
        admit()
      })
    },
    give(bytes) {
      used -= bytes
      admit()
    },
  }
}
