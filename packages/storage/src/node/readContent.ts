/** Reads stored content back: one proved segment, a range of sectors, or a stream of bytes. Spec: storage §5, §6.1. */
import { type Hex, uintToBytes, WeightlessError } from '@weightless/codec'
import { type FileShape, sectorBytes, segmentBytes, segmentSectors } from '@weightless/crypto'
import { decodeSegmentFrame, type SegmentFrame } from '../wire/index.ts'
import type { SegmentStore } from './segmentStore.ts'
import type { Submission } from './submission.ts'

/** A submission whose size a node can hold. */
export type Content = Pick<Submission, 'fileKey' | 'sizeBytes' | 'root'> & { shape: FileShape }

/** The frame of a segment, byte for byte as it travels; undefined while it is not here. */
export async function readFrameBytes(
  segments: SegmentStore,
  { fileKey, sizeBytes }: Content,
  index: number,
): Promise<Uint8Array | undefined> {
  const frame = await segments.read(fileKey, index)
  // Sizes within one sector share content, so the frame may have been uploaded under another one.
  frame?.set(uintToBytes(BigInt(sizeBytes), 8), 4)
  return frame
}

/** @throws {SegmentUnreadableError} when what lies on disk is not a frame */
export async function readFrame(
  segments: SegmentStore,
  content: Content,
  index: number,
): Promise<SegmentFrame | undefined> {
  const bytes = await readFrameBytes(segments, content, index)
  if (!bytes) return undefined
  const decoded = decodeSegmentFrame(bytes)
  if (!decoded.ok) throw new SegmentUnreadableError({ root: content.root, segmentIndex: index })
  return decoded.value
}

/** Sectors `[start, end)` of a file; undefined when one of them is not here. */
export async function readSectors(
  segments: SegmentStore,
  content: Content,
  start: number,
  end: number,
): Promise<Uint8Array | undefined> {
  if (start >= end || end > content.shape.sectors) return undefined
  const bytes = new Uint8Array((end - start) * sectorBytes)
  for (let index = Math.floor(start / segmentSectors); index * segmentSectors < end; index++) {
    const frame = await readFrame(segments, content, index)
    if (!frame) return undefined
    const first = Math.max(start, index * segmentSectors)
    const from = (first - index * segmentSectors) * sectorBytes
    const part = frame.data.subarray(from, from + (end - first) * sectorBytes)
    bytes.set(part, (first - start) * sectorBytes)
  }
  return bytes
}

/**
 * Bytes `[from, to)` of a file that is here in full, piece by piece; the next segment is read while one is sent.
 * @throws {SegmentUnreadableError} when a segment is gone
 */
export async function* streamContent(
  segments: SegmentStore,
  content: Content,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array> {
  const last = Math.ceil(to / segmentBytes)
  const load = (index: number) => (index < last ? readFrame(segments, content, index) : Promise.resolve(undefined))
  let ahead = load(Math.floor(from / segmentBytes))
  for (let index = Math.floor(from / segmentBytes); index < last; index++) {
    const frame = await ahead
    if (!frame) throw new SegmentUnreadableError({ root: content.root, segmentIndex: index })
    ahead = load(index + 1)
    // A reader that leaves never awaits the segment ahead; its failure must not go unhandled.
    ahead.catch(() => undefined)
    const start = index * segmentBytes
    yield frame.data.subarray(Math.max(0, from - start), Math.min(frame.data.length, to - start))
  }
}

/** The content that a submission stands for, if its size is possible. */
export function contentOf(submission: Submission): Content | undefined {
  const { shape, fileKey, sizeBytes, root } = submission
  return shape ? { shape, fileKey, sizeBytes, root } : undefined
}

export class SegmentUnreadableError extends WeightlessError {
  constructor(facts: { root: Hex; segmentIndex: number }) {
    super('storage/segment-unreadable', 'A stored segment cannot be read.', facts)
  }
}
