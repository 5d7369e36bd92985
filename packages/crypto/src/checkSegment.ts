/**
 * Checks that a segment belongs to a file root at its index, in the order and with the words of the network's nodes.
 * Spec: storage §3, §6.
 */
import { accept, bytesEqual, reject, type Verdict } from '@weightless/codec'
import { type FileShape, powerOfTwoFrom, segmentDataBytes, segmentPaddedSectors, segmentSectors } from './fileShape.ts'
import type { SegmentProof } from './fileTree.ts'
import { hashPair } from './keccakKernel.ts'
import { segmentRoot } from './segmentRoot.ts'
import { zeroRoot } from './zeroRoots.ts'

/** The parameter that the network's error names: `Invalid params: index`, and so on. */
export type SegmentFault = 'index' | 'data' | 'proof'

/**
 * @param data whole sectors, flow padding left out
 * @returns the segment's root; or the faulty parameter, with the network's text in `detail`
 */
export function checkSegment(
  root: Uint8Array,
  shape: FileShape,
  index: number,
  data: Uint8Array,
  proof: SegmentProof,
): Verdict<Uint8Array, SegmentFault> {
  if (!Number.isInteger(index) || index < 0 || index >= shape.segments) return reject('index', 'index out of bound')
  if (data.length !== segmentDataBytes(shape, index)) return reject('data', 'invalid data length')
  if (!shapeHolds(proof)) return reject('proof', 'invalid proof')
  const leaf = segmentRoot(data, segmentPaddedSectors(shape, index))
  if (!bytesEqual(leaf, proof.lemma[0]!)) return reject('proof', 'validation failed')
  const path = checkSegmentPath(root, shape, index, proof)
  return path.ok ? accept(leaf) : path
}

/** The same for a proof alone, without the segment: that the leaf it names stands at `index` under `root`. */
export function checkSegmentPath(
  root: Uint8Array,
  shape: FileShape,
  index: number,
  proof: SegmentProof,
): Verdict<void, SegmentFault> {
  if (!Number.isInteger(index) || index < 0 || index >= shape.segments) return reject('index', 'index out of bound')
  if (!shapeHolds(proof)) return reject('proof', 'invalid proof')
  if (positionOf(proof.path, shape.paddedSegments) !== index) return reject('proof', 'validation failed')
  if (!bytesEqual(root, proof.lemma[proof.lemma.length - 1]!)) return reject('proof', 'validation failed')
  if (!bytesEqual(root, rootOf(proof))) return reject('proof', 'validation failed')
  if (!paddingIsZero(shape, proof)) return reject('proof', 'invalid proof node value in the padding range')
  return accept(undefined)
}

/** Root to which a proof leads. */
export function rootOf(proof: SegmentProof): Uint8Array {
  return proof.path.reduce((node, isLeft, level) => {
    const sibling = proof.lemma[level + 1]!
    return isLeft ? hashPair(node, sibling) : hashPair(sibling, node)
  }, proof.lemma[0]!)
}

/** Leaf that a path leads to in a tree of `leafCount` leaves; undefined when no leaf has such a path. */
export function positionOf(path: readonly boolean[], leafCount: number): number | undefined {
  let position = 0
  let count = leafCount
  for (let level = path.length - 1; level >= 0; level--) {
    if (count < 2) return undefined
    const left = powerOfTwoFrom(count) / 2
    if (path[level]) count = left
    else {
      position += left
      count -= left
    }
  }
  return count === 1 ? position : undefined
}

function shapeHolds(proof: SegmentProof): boolean {
  const { lemma, path } = proof
  if (lemma.some((hash) => hash.length !== 32)) return false
  return path.length === 0 ? lemma.length === 1 : lemma.length === path.length + 2
}

/** A right sibling whose whole range lies beyond the data must be a tree of zero sectors. */
function paddingIsZero(shape: FileShape, proof: SegmentProof): boolean {
  let first = 0
  let count = shape.paddedSegments
  for (let level = proof.path.length - 1; level >= 0; level--) {
    const left = powerOfTwoFrom(count) / 2
    if (!proof.path[level]) {
      first += left
      count -= left
      continue
    }
    const siblingFirst = first + left
    if (
      siblingFirst >= shape.segments &&
      !bytesEqual(proof.lemma[level + 1]!, zeroSpan(shape, siblingFirst, count - left))
    ) {
      return false
    }
    count = left
  }
  return true
}

function zeroSpan(shape: FileShape, first: number, count: number): Uint8Array {
  const sectors = Math.min(count * segmentSectors, shape.paddedSectors - first * segmentSectors)
  return zeroTree(sectors)
}

/** Root of any number of zero sectors, in the network's tree form. */
function zeroTree(sectors: number): Uint8Array {
  const power = powerOfTwoFrom(sectors)
  if (power === sectors) return zeroRoot(Math.log2(sectors))
  return hashPair(zeroRoot(Math.log2(power / 2)), zeroTree(sectors - power / 2))
}
