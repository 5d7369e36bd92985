/**
 * Cuts a body into its frames while it arrives. Of what is not yet a whole frame, at most one frame is in memory; and before
 * a frame is gathered, room is taken for it: until there is some the socket is not read. Spec: storage §6.4, §10.
 */
import { bytesToUint, freeBytes } from '@weightless/codec'
import type { BufferRoom } from '../node/bufferRoom.ts'
import { fragmentFrameBytesMax } from '../wire/index.ts'

export type ArrivedFrame = {
  bytes: Uint8Array
  /** Gives the frame's room back: once it is on disk or refused, and nobody looks at it any more. */
  free(): void
}

/** Yields undefined, and ends, where the body is not a row of frames. */
export async function* readFrames(
  body: AsyncIterable<Uint8Array>,
  room: BufferRoom,
  signal: AbortSignal,
): AsyncGenerator<ArrivedFrame | undefined> {
  const length = new Uint8Array(4)
  let lengthFilled = 0
  let frame: { bytes: Uint8Array; filled: number; free(): void } | undefined
  try {
    for await (const chunk of body) {
      for (let at = 0; at < chunk.length; ) {
        if (!frame) {
          const part = chunk.subarray(at, at + 4 - lengthFilled)
          length.set(part, lengthFilled)
          lengthFilled += part.length
          at += part.length
          if (lengthFilled < 4) continue
          const frameBytes = Number(bytesToUint(length))
          if (frameBytes === 0 || frameBytes > fragmentFrameBytesMax) return yield undefined
          frame = { ...(await room.take(frameBytes, signal)), filled: 0 }
        }
        const part = chunk.subarray(at, at + frame.bytes.length - frame.filled)
        frame.bytes.set(part, frame.filled)
        frame.filled += part.length
        at += part.length
        if (frame.filled < frame.bytes.length) continue
        const { bytes, free } = frame
        frame = undefined
        lengthFilled = 0
        yield { bytes, free }
      }
      freeBytes(chunk)
    }
    if (frame || lengthFilled > 0) yield undefined
  } finally {
    frame?.free()
  }
}
