/**
 * Segments that came before their submission was seen on chain: proved, kept in memory, bounded, forgotten after five
 * minutes. Spec: storage §6.3.
 */
import type { Hex } from '@weightless/codec'
import type { Clock } from '@weightless/env'
import type { SegmentFrame } from '../wire/index.ts'

/** Files above it cannot be uploaded before their submission is known. */
export const earlyFileBytesMax = 10 * 1024 * 1024
const expiryMs = 300_000

export type EarlySegments = {
  /** Whether segments of this root are waiting. */
  has(root: Hex): boolean
  /** False when there is no room. */
  add(root: Hex, frame: SegmentFrame): boolean
  /** Takes all waiting segments of a root. */
  take(root: Hex): SegmentFrame[]
}

export function createEarlySegments(clock: Clock, bytesMax: number): EarlySegments {
  const waiting = new Map<Hex, { addedMs: number; frames: Map<number, SegmentFrame> }>()
  let bytes = 0

  function drop(root: Hex): SegmentFrame[] {
    const frames = [...(waiting.get(root)?.frames.values() ?? [])]
    waiting.delete(root)
    for (const frame of frames) bytes -= frame.data.length
    return frames
  }

  function dropExpired(): void {
    for (const [root, { addedMs }] of waiting) if (clock.monotonicMs() - addedMs > expiryMs) drop(root)
  }

  return {
    has: (root) => waiting.has(root),
    add(root, frame) {
      dropExpired()
      const entry = waiting.get(root) ?? { addedMs: clock.monotonicMs(), frames: new Map() }
      if (entry.frames.has(frame.index)) return true
      if (bytes + frame.data.length > bytesMax) return false
      // A copy: the caller's bytes may be a view into a whole request body.
      entry.frames.set(frame.index, { ...frame, data: frame.data.slice() })
      waiting.set(root, entry)
      bytes += frame.data.length
      return true
    },
    take: drop,
  }
}
