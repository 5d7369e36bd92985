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

  /** Readers of headers ask for few bytes at a time, and then for more from the same place on. */
  const recent = new Map<number, Uint8Array>()

  /** Segments [first, last], each hashed, into `found`. */
  async function readSegments(first: number, last: number, found: Map<number, Uint8Array>): Promise<void> {
    const from = first * segmentBytes
    const bytes = await file.read(from, Math.min(sizeBytes, (last + 1) * segmentBytes) - from)
    for (let index = first; index <= last; index++) {
      const data = bytes.subarray((index - first) * segmentBytes, (index - first + 1) * segmentBytes)
      const isRight = bytesToHex(segmentRoot(data, segmentPaddedSectors(shape, index))) === bytesToHex(roots[index]!)
      if (!isRight) throw new SegmentDamagedError({ root, segmentIndex: index })
      found.set(index, data)
    }
  }

  /** Those that were not read lately are read, neighbours at once. */
  async function segmentsOf(first: number, last: number): Promise<Map<number, Uint8Array>> {
    const found = new Map<number, Uint8Array>()
    for (let index = first; index <= last; index++) {
      const known = recent.get(index)
      if (known) found.set(index, known)
    }
    for (let index = first; index <= last; index++) {
      if (found.has(index)) continue
      let end = index
      while (end < last && !found.has(end + 1)) end++
      await readSegments(index, end, found)
    }
    for (const [index, data] of found) if (found.size <= recentMax) remember(index, data)
    return found
  }

  function remember(index: number, data: Uint8Array): void {
    recent.delete(index)
    recent.set(index, data)
    if (recent.size > recentMax) recent.delete(recent.keys().next().value!)
  }

  return {
    root,
    sizeBytes,
    async read(offset, length) {
      if (length === 0) return new Uint8Array()
      const first = Math.floor(offset / segmentBytes)
      const last = Math.floor((offset + length - 1) / segmentBytes)
      const found = await segmentsOf(first, last)
      const start = offset - first * segmentBytes
      if (first === last) return found.get(first)!.subarray(start, start + length)
      const bytes = new Uint8Array(length)
      for (let index = first; index <= last; index++) {
        const at = index * segmentBytes - offset
        const data = found.get(index)!
        bytes.set(data.subarray(Math.max(0, -at), Math.min(data.length, length - at)), Math.max(0, at))
      }
      return bytes
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
