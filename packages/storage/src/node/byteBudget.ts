/**
 * Bytes that may be in flight at once. Whoever wants more waits in line, and while it waits its socket is not read:
 * this is the back-pressure of the node, in place of an error that clients give up on. Spec: storage §6.4.
 */
export type ByteBudget = {
  /** Waits for room; the returned function gives it back. A wish above the whole budget waits for all of it. */
  take(bytes: number, signal: AbortSignal): Promise<() => void>
  usedBytes(): number
}

export function createByteBudget(bytesMax: number): ByteBudget {
  let used = 0
  const line: { bytes: number; start: () => void }[] = []

  function admit(): void {
    while (line[0] && used + line[0].bytes <= bytesMax) {
      const next = line.shift()!
      used += next.bytes
      next.start()
    }
  }

  return {
    usedBytes: () => used,
    take(wish, signal) {
      const bytes = Math.min(wish, bytesMax)
      return new Promise((resolve, reject) => {
        const giveBack = once(() => {
          used -= bytes
          admit()
        })
        const entry = { bytes, start: () => resolve(giveBack) }
        const leave = () => {
          const at = line.indexOf(entry)
          if (at < 0) return
          line.splice(at, 1)
          reject(signal.reason)
          admit()
        }
        if (signal.aborted) return reject(signal.reason)
        signal.addEventListener('abort', leave, { once: true })
        entry.start = () => {
          signal.removeEventListener('abort', leave)
          resolve(giveBack)
        }
        line.push(entry)
        admit()
      })
    },
  }
}

function once(action: () => void): () => void {
  let done = false
  return () => {
    if (done) return
    done = true
    action()
  }
}
