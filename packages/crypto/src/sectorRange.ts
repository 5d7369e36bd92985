/**
 * Proof that neighbouring sectors belong to a file: of its tree, with the padded sectors as leaves, the siblings at the
 * two borders of their range. What a contract checks that reads the file. Spec: storage §2.
 */
import { concatBytes, WeightlessError } from '@weightless/codec'
import { segmentBytes, segmentPaddedSectors, segmentSectors } from './fileShape.ts'
import type { FileTree, RangeSource } from './fileTree.ts'
import { keccak256, sectorBytes } from './keccakKernel.ts'
import { buildTree, type MerkleTree } from './merkleTree.ts'

/** `sectors` are whole sectors, zeros behind the file's end; `siblings` come level by level, the left border's first. */
export type SectorRange = { sectors: Uint8Array; siblings: Uint8Array[] }

/** Levels of a whole segment's tree below its root. */
const segmentHeight = Math.log2(segmentSectors)
/** Sectors of a range, so that it lies in at most two segments, and in one transaction. */
export const sectorsMax = 400

/**
 * @param readSegment - bytes of a segment, without padding; asked for at most two, each once
 * @param from - first byte; @param count - how many, from 1 on
 * @throws {SectorRangeInvalidError} where bytes lie outside the file or are too many
 */
export function proveSectors(
  file: FileTree,
  readSegment: (index: number) => Uint8Array,
  from: number,
  count: number,
): SectorRange {
  const { shape } = file
  const [first, last] = [Math.floor(from / sectorBytes), Math.floor((from + count - 1) / sectorBytes)]
  const isInside = Number.isSafeInteger(from) && Number.isSafeInteger(count) && from >= 0 && count >= 1
  if (!isInside || from + count > shape.sizeBytes || last - first >= sectorsMax) {
    throw new SectorRangeInvalidError({ from, count, sizeBytes: shape.sizeBytes })
  }
  const segments = new Map<number, { padded: Uint8Array; tree: MerkleTree }>()
  function segmentOf(index: number) {
    const known = segments.get(index)
    if (known !== undefined) return known
    const padded = new Uint8Array(segmentPaddedSectors(shape, index) * sectorBytes)
    padded.set(readSegment(index))
    const made = { padded, tree: sectorTree(padded) }
    segments.set(index, made)
    return made
  }
  /** A node that lies in a segment at a border, or above segments. */
  function nodeAt(level: number, index: number): Uint8Array {
    if (level >= segmentHeight) return nodeOf(file.tree, level - segmentHeight, index)
    const width = 2 ** (segmentHeight - level)
    return nodeOf(segmentOf(Math.floor(index / width)).tree, level, index % width)
  }
  const siblings: Uint8Array[] = []
  let [left, right, nodes] = [first, last, shape.paddedSectors]
  for (let level = 0; nodes > 1; level++) {
    if (left % 2 === 1) siblings.push(nodeAt(level, left - 1))
    if (right % 2 === 0 && right + 1 < nodes) siblings.push(nodeAt(level, right + 1))
    ;[left, right, nodes] = [Math.floor(left / 2), Math.floor(right / 2), Math.ceil(nodes / 2)]
  }
  const sectors = Array.from({ length: last - first + 1 }, (_, i) => {
    const { padded } = segmentOf(Math.floor((first + i) / segmentSectors))
    const start = ((first + i) % segmentSectors) * sectorBytes
    return padded.subarray(start, start + sectorBytes)
  })
  return { sectors: concatBytes(sectors), siblings }
}

/** As `proveSectors`, of a file that is read in ranges: at most two segments of it. */
export async function proveSourceSectors(file: FileTree, source: RangeSource, from: number, count: number) {
  const segments = new Map<number, Uint8Array>()
  const last = Math.min(Math.floor((from + count - 1) / segmentBytes), Math.floor(from / segmentBytes) + 1)
  for (let index = Math.floor(from / segmentBytes); index <= last; index++) {
    const start = index * segmentBytes
    segments.set(index, await source.read(start, Math.min(segmentBytes, source.sizeBytes - start)))
  }
  return proveSectors(file, (index) => segments.get(index)!, from, count)
}

function sectorTree(padded: Uint8Array): MerkleTree {
  const leaves = new Uint8Array((padded.length / sectorBytes) * 32)
  for (let at = 0; at < padded.length; at += sectorBytes) {
    leaves.set(keccak256(padded.subarray(at, at + sectorBytes)), (at / sectorBytes) * 32)
  }
  return buildTree(leaves)
}

/** A segment that is not full reaches its root early, and is carried up from there. */
function nodeOf(tree: MerkleTree, level: number, index: number): Uint8Array {
  const nodes = tree.levels[Math.min(level, tree.levels.length - 1)]!
  return nodes.slice(32 * index, 32 * index + 32)
}

export class SectorRangeInvalidError extends WeightlessError {
  constructor(facts: { from: number; count: number; sizeBytes: number }) {
    super(
      'crypto/sector-range-invalid',
      `A proof is of 1 byte or more, in at most ${sectorsMax} sectors of the file.`,
      facts,
    )
  }
}
