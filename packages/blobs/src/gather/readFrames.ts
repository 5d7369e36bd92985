/** Cuts a body of length-prefixed frames into frames, each in a buffer of its own: one copy, and no more than one frame held. */
import { bytesToUint, freeBytes, WeightlessError } from '@weightless/codec'
import { fragmentFrameBytesMax } from '@weightless/storage/wire'

/** @throws {FramesMalformedError} for a length beyond any frame's, or a body that ends in the middle */
export async function* readFrames(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const prefix = new Uint8Array(4)
  let prefixBytes = 0
  let frame: Uint8Array<ArrayBuffer> | undefined
  let filled = 0
  for await (const piece of body) {
    if (signal.aborted) return
    for (let at = 0; at < piece.length; ) {
      if (!frame) {
        prefix[prefixBytes++] = piece[at++]!
        if (prefixBytes < 4) continue
        const length = Number(bytesToUint(prefix))
        if (length < 1 || length > fragmentFrameBytesMax) throw new FramesMalformedError({ reason: `length ${length}` })
        frame = new Uint8Array(length)
        prefixBytes = filled = 0
        continue
      }
      const part = piece.subarray(at, at + frame.length - filled)
      frame.set(part, filled)
      filled += part.length
      at += part.length
      if (filled < frame.length) continue
      yield frame
      frame = undefined
    }
    freeBytes(piece)
  }
  if (frame || prefixBytes > 0) throw new FramesMalformedError({ reason: 'cut off' })
}

export class FramesMalformedError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('blobs/frames-malformed', 'A holder sent what is not a row of fragments.', facts)
  }
}
