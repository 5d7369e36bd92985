/** A fixed number of places to work at; who finds none waits in order, a bounded number of them, and may leave. */
import { AbortedError } from '@weightless/env'

export type Pool<Place> = {
  /** @returns undefined where too many wait already @throws {AbortedError} whoever waited has left */
  take(signal: AbortSignal): Promise<Place> | undefined
  give(place: Place): void
}

export function createPool<Place>(places: readonly Place[], waitingMax: number): Pool<Place> {
  const free = [...places]
  const waiting = new Set<(place: Place) => void>()

  return {
    take(signal) {
      if (signal.aborted) return Promise.reject(new AbortedError())
      const place = free.pop()
      if (place !== undefined) return Promise.resolve(place)
      if (waiting.size >= waitingMax) return undefined
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiting.delete(get)
          reject(new AbortedError())
        }
        const get = (place: Place) => {
          signal.removeEventListener('abort', leave)
          resolve(place)
        }
        waiting.add(get)
        signal.addEventListener('abort', leave, { once: true })
      })
    },
    give(place) {
      const [next] = waiting
      if (next === undefined) return void free.push(place)
      waiting.delete(next)
      next(place)
    },
  }
}
