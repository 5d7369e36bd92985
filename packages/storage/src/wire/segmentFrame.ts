/**
 * A segment with its proof as bytes: what a node keeps on disk, what the binary routes carry, and what a verifying reader
 * checks; one form from end to end, so that nothing is re-encoded on the way. Spec: storage §5.
 */
import { accept, bytesToUint, concatBytes, reject, uintToBytes, type Verdict } from '@weightless/codec'
import type { SegmentProof } from '@weightless/crypto'

export type SegmentFrame = {
  /** Size of the whole file. */
  sizeBytes: number
  index: number
  proof: SegmentProof
  /** Whole sectors; flow padding left out. */
  data: Uint8Array
}

export const segmentFrameType = 'application/vnd.weightless.segment'
/** `WLS1` */
const magic = new Uint8Array([0x57, 0x4c, 0x53, 0x31])
const fixedBytes = 21
const pathMax = 63
/** Longest frame: the fixed part, a path of 63 with its lemma, and one whole segment. */
export const segmentFrameBytesMax = fixedBytes + pathMax + 32 * (pathMax + 2) + 262_144

export function encodeSegmentFrame(frame: SegmentFrame): Uint8Array {
  return concatBytes(segmentFrameParts(frame))
}

/** The frame in two parts, for writing it without laying it together: all but the data, and the data itself. */
export function segmentFrameParts({
  sizeBytes,
  index,
  proof,
  data,
}: SegmentFrame): [head: Uint8Array, data: Uint8Array] {
  const head = concatBytes([
    magic,
    uintToBytes(BigInt(sizeBytes), 8),
    uintToBytes(BigInt(index), 8),
    new Uint8Array([proof.path.length]),
    new Uint8Array(proof.path.map((isLeft) => (isLeft ? 1 : 0))),
    ...proof.lemma,
  ])
  return [head, data]
}

/** Reads the form only; `checkSegment` decides whether the content belongs to a root. `data` is a view, not a copy. */
export function decodeSegmentFrame(frame: Uint8Array): Verdict<SegmentFrame, 'frame-malformed'> {
  if (frame.length < fixedBytes || frame.length > segmentFrameBytesMax) return reject('frame-malformed', 'length')
  if (magic.some((byte, at) => frame[at] !== byte)) return reject('frame-malformed', 'magic')
  const sizeBytes = bytesToUint(frame.subarray(4, 12))
  const index = bytesToUint(frame.subarray(12, 20))
  const pathLength = frame[20]!
  if (pathLength > pathMax || sizeBytes > maxSafe || index > maxSafe) return reject('frame-malformed', 'bounds')
  const lemmaCount = pathLength === 0 ? 1 : pathLength + 2
  const lemmaAt = fixedBytes + pathLength
  const dataAt = lemmaAt + 32 * lemmaCount
  if (dataAt > frame.length) return reject('frame-malformed', 'truncated')
  const steps = frame.subarray(fixedBytes, lemmaAt)
  if (steps.some((step) => step > 1)) return reject('frame-malformed', 'path')
  const lemma = Array.from({ length: lemmaCount }, (_, i) => frame.slice(lemmaAt + 32 * i, lemmaAt + 32 * i + 32))
  const proof = { lemma, path: [...steps].map((step) => step === 1) }
  return accept({ sizeBytes: Number(sizeBytes), index: Number(index), proof, data: frame.subarray(dataAt) })
}

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER)
