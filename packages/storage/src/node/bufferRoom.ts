/**
 * Memory for what is on its way from the socket to the disk. It is bounded by the node's budget, and buffers are used again:
 * fresh ones of this size cost the system their clearing and the heap a collection every few hundred.
 */
import type { ByteBudget } from './byteBudget.ts'

export type BufferRoom = {
  /** Waits until there is room. Nothing may look at the bytes after `free`; what they hold at first is undefined. */
  take(bytes: number, signal: AbortSignal): Promise<{ bytes: Uint8Array; free(): void }>
}

/** Shorter ones are not worth keeping a buffer for. */
const sharedBytesMin = 64 * 1024

/** @param bufferBytes - of a buffer that is used again; longer wishes get one of their own */
export function createBufferRoom(budget: ByteBudget, bufferBytes: number, keptBytesMax = 16 * 1024 * 1024): BufferRoom {
  const kept: ArrayBuffer[] = []
  const countMax = Math.floor(keptBytesMax / bufferBytes)
  return {
    async take(bytes, signal) {
      const giveBack = await budget.take(bytes, signal)
      if (bytes < sharedBytesMin || bytes > bufferBytes) return { bytes: new Uint8Array(bytes), free: giveBack }
      const buffer = kept.pop() ?? new ArrayBuffer(bufferBytes)
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
