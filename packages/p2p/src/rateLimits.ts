/** How often one peer may ask one thing: so many in a window, counted for each peer apart. Spec: p2p §5. */
import type { Hex } from '@weightless/codec'
import type { Clock } from '@weightless/env'

export type RateLimit = { count: number; windowMs: number }

export type RateLimits = {
  /** Counts one request; false if it is over the limit. */
  admit(nodeId: Hex, what: string, limit: RateLimit): boolean
}

export function createRateLimits(clock: Clock): RateLimits {
  const windows = new Map<string, { startMs: number; count: number }>()
  return {
    admit(nodeId, what, { count, windowMs }) {
      const key = `${what} ${nodeId}`
      const nowMs = clock.monotonicMs()
      const current = windows.get(key)
      if (current && nowMs - current.startMs < windowMs) return ++current.count <= count
      windows.delete(key)
      if (windows.size >= windowsMax) windows.delete(windows.keys().next().value!)
      windows.set(key, { startMs: nowMs, count: 1 })
      return true
    },
  }
}

const windowsMax = 16_384
