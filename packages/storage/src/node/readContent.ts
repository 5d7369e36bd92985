/** Reads stored content back: one proved segment, a range of sectors, or a stream of bytes. Spec: storage §5, §6.1. */
import { type Hex, uintToBytes, WeightlessError } from '@weightless/codec'
import { type FileShape, sectorBytes, segmentBytes, segmentSectors } from '@weightless/crypto'
import { decodeSegmentFrame, type SegmentFrame } from '../wire/index.ts'
import type { SegmentStore } from './segmentStore.ts'
import type { Submission } from './submission.ts'

/** A submission whose size a node can hold. */
export type Content = Pick<Submission, 'fileKey' | 'sizeBytes' | 'root'> & { shape: FileShape }

/** Where a node finds content: in its own log, or gathered from others. */
export type ContentReader = {
  /** The frame of a segment, byte for byte as it travels; undefined while it is not to be had. */
  frame(content: Content, index: number, signal?: AbortSignal): Promise<Uint8Array | undefined>
  /** Bytes `[from, to)` of a final file, piece by piece. @throws {SegmentUnreadableError} when a segment is gone */
  stream(content: Content, from: number, to: number, signal?: AbortSignal): AsyncIterable<Uint8Array>
}

/** What lies in the node's own log. */
export function createLocalReader(segments: SegmentStore): ContentReader {
  const reader: ContentReader = {
    async frame({ fileKey, sizeBytes }, index) {
      const frame = await segments.read(fileKey, index)
      // Sizes within one sector share content, so the frame may have been uploaded under another one.
      frame?.set(uintToBytes(BigInt(sizeBytes), 8), 4)
      return frame
    },
    stream: (content, from, to) => streamFrames(reader, content, from, to),
  }
  return reader
}

/** @throws {SegmentUnreadableError} when what lies on disk is not a frame */
export async function readFrame(
  reader: ContentReader,
  content: Content,
  index: number,
  signal?: AbortSignal,
): Promise<SegmentFrame | undefined> {
  const bytes = await reader.frame(content, index, signal)
  if (!bytes) return undefined
  const decoded = decodeSegmentFrame(bytes)
  if (!decoded.ok) throw new SegmentUnreadableError({ root: content.root, segmentIndex: index })
  return decoded.value
}

/** Sectors `[start, end)` of a file; undefined when one of them is not here. */
export async function readSectors(
  reader: ContentReader,
  content: Content,
  { start, end }: { start: number; end: number },
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (start >= end || end > content.shape.sectors) return undefined
  const bytes = new Uint8Array((end - start) * sectorBytes)
  for (let index = Math.floor(start / segmentSectors); index * segmentSectors < end; index++) {
    const frame = await readFrame(reader, content, index, signal)
    if (!frame) return undefined
    const first = Math.max(start, index * segmentSectors)
    const from = (first - index * segmentSectors) * sectorBytes
    const part = frame.data.subarray(from, from + (end - first) * sectorBytes)
    bytes.set(part, (first - start) * sectorBytes)
  }
  return bytes
}

/** Frame after frame; the next segment is read while one is sent. */
async function* streamFrames(
  reader: ContentReader,
  content: Content,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array> {
  const last = Math.ceil(to / segmentBytes)
  const load = (index: number) => (index < last ? readFrame(reader, content, index) : Promise.resolve(undefined))
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
