/**
 * Memory for fragments on their way from the socket to the disk. It is bounded by the node's budget, and buffers are used
 * again: fresh ones of this size cost the system their clearing and the heap a collection every few hundred fragments.
 */
import type { ByteBudget } from '../node/byteBudget.ts'
import { fragmentFrameBytesMax } from '../wire/index.ts'

export type FrameRoom = {
  /** Waits until there is room. Nothing may look at the bytes after `free`. */
  take(bytes: number, signal: AbortSignal): Promise<{ bytes: Uint8Array; free(): void }>
}

/** Shorter frames are not worth keeping a buffer for. */
const keptBytesMin = 64 * 1024

/** @param keptBytesMax - of buffers that wait to be used again */
export function createFrameRoom(budget: ByteBudget, keptBytesMax = 16 * 1024 * 1024): FrameRoom {
  const kept: ArrayBuffer[] = []
  const countMax = Math.floor(keptBytesMax / fragmentFrameBytesMax)
  return {
    async take(bytes, signal) {
      const giveBack = await budget.take(bytes, signal)
      if (bytes < keptBytesMin) return { bytes: new Uint8Array(bytes), free: giveBack }
      const buffer = kept.pop() ?? new ArrayBuffer(fragmentFrameBytesMax)
      let isFree = false
      const free = (): void => {
        if (isFree) return
        isFree = true
        if (kept.length < countMax) kept.push(buffer)
        giveBack()
      }
      return { bytes: new Uint8Array(buffer, 0, bytes), free }
    },
  }
}
