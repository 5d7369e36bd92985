/** A file in a place that nobody vouches for, read through the roots of its segments: each segment is hashed before a byte of it is handed out. Spec: storage §2 */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import { fileShape, segmentBytes, segmentPaddedSectors } from './fileShape.ts'
import { fileTreeFromRoots } from './fileTree.ts'
import { treeRoot } from './merkleTree.ts'
import { segmentRoot } from './segmentRoot.ts'

/** Random access to a file that checks what it reads against `root` by itself, as `openBlob` does. */
export type ProvenSource = {
  root: Hex
  sizeBytes: number
  /** Exactly `length` bytes from `offset`; the caller asks for nothing beyond `sizeBytes`. */
  read(offset: number, length: number): Promise<Uint8Array>
}

const recentMax = 16

/**
 * @param segmentRoots - 32 bytes for each segment that holds data, side by side; checked here against `root`
 * @throws {SegmentRootsForeignError} @throws {FileSizeInvalidError}; `read` throws {SegmentDamagedError}
 */
export function openProven(root: Hex, segmentRoots: Uint8Array, file: Omit<ProvenSource, 'root'>): ProvenSource {
  const { sizeBytes } = file
  const shape = fileShape(sizeBytes)
  const roots = Array.from({ length: shape.segments }, (_, i) => segmentRoots.slice(32 * i, 32 * i + 32))
  const isWhole = segmentRoots.length === 32 * shape.segments
  const found = isWhole ? bytesToHex(treeRoot(fileTreeFromRoots(shape, roots))) : undefined
  if (found !== root.toLowerCase()) throw new SegmentRootsForeignError({ root, sizeBytes })

  /** Segments [first, last], each hashed. */
  async function readSegments(first: number, last: number): Promise<Uint8Array> {
    const from = first * segmentBytes
    const bytes = await file.read(from, Math.min(sizeBytes, (last + 1) * segmentBytes) - from)
    for (let index = first; index <= last; index++) {
      const data = bytes.subarray((index - first) * segmentBytes, (index - first + 1) * segmentBytes)
      const isRight = bytesToHex(segmentRoot(data, segmentPaddedSectors(shape, index))) === bytesToHex(roots[index]!)
      if (!isRight) throw new SegmentDamagedError({ root, segmentIndex: index })
    }
    return bytes
  }

  /** Readers of headers ask for few bytes at a time. */
  const recent = new Map<number, Uint8Array>()
  async function recentSegment(index: number): Promise<Uint8Array> {
    const known = recent.get(index)
    if (known) return known
    const bytes = await readSegments(index, index)
    recent.set(index, bytes)
    if (recent.size > recentMax) recent.delete(recent.keys().next().value!)
    return bytes
  }

  return {
    root,
    sizeBytes,
    async read(offset, length) {
      if (length === 0) return new Uint8Array()
      const first = Math.floor(offset / segmentBytes)
      const last = Math.floor((offset + length - 1) / segmentBytes)
      const bytes = first === last ? await recentSegment(first) : await readSegments(first, last)
      const start = offset - first * segmentBytes
      return bytes.subarray(start, start + length)
    },
  }
}

export class SegmentRootsForeignError extends WeightlessError {
  constructor(facts: { root: Hex; sizeBytes: number }) {
    super('crypto/segment-roots-foreign', 'These are not the segment roots of a file with this root and size.', facts)
  }
}

export class SegmentDamagedError extends WeightlessError {
  constructor(facts: { root: Hex; segmentIndex: number }) {
    super('crypto/segment-damaged', 'A segment of a kept file is no longer what its root says.', facts, {
      hint: 'Drop the kept file and fetch it again.',
    })
  }
}
