/**
 * One row of one stripe with everything that is needed to check it alone: what a holder keeps on disk, what the binary
 * routes carry, what a reader verifies. A data row is a segment of the file; parity rows are computed. Spec: storage §10.
 */
import { accept, bytesToUint, concatBytes, reject, uintToBytes, type Verdict } from '@weightless/codec'
import type { SegmentProof } from '@weightless/crypto'
import { rowsMax } from './placement.ts'

export type FragmentFrame = {
  /** Size of the whole file. */
  sizeBytes: number
  stripe: number
  row: number
  dataRows: number
  parityRows: number
  /** Bytes of the stripe's longest segment: every row counts as zero-filled up to it. */
  rowBytes: number
  rowRoot: Uint8Array
  /** 16 bytes for each data row. */
  combinations: Uint8Array
  /** Siblings from the row to `rowRoot`, bottom up. */
  rowPath: readonly Uint8Array[]
  /** Proof of the segment that `provedSegment` names: of a data row itself. Without it no fragment is stored. */
  segmentProof: SegmentProof | undefined
  /** A data row's whole sectors, its filling with zeros left out; a parity row's `rowBytes`. */
  data: Uint8Array
}

export const fragmentFrameType = 'application/vnd.weightless.fragment'
/** A body of frames, each after its length as 4 bytes. */
export const fragmentFramesType = 'application/vnd.weightless.fragments'
/** `WLF1` */
const magic = new Uint8Array([0x57, 0x4c, 0x46, 0x31])
const fixedBytes = 64
const pathMax = 63
const noProof = 255
const rowBytesMax = 262_144
export const fragmentFrameBytesMax = fixedBytes + 16 * rowsMax + 32 * 63 + pathMax + 32 * (pathMax + 2) + rowBytesMax

export function encodeFragmentFrame(frame: FragmentFrame): Uint8Array {
  return concatBytes([encodeFragmentHead(frame), frame.data])
}

/** All of a frame but its data, for writing in two parts what is large. */
export function encodeFragmentHead(frame: Omit<FragmentFrame, 'data'>): Uint8Array {
  const { sizeBytes, stripe, row, dataRows, parityRows, rowBytes, rowRoot, combinations, rowPath, segmentProof } = frame
  return concatBytes([
    magic,
    uintToBytes(BigInt(sizeBytes), 8),
    uintToBytes(BigInt(stripe), 8),
    uintToBytes(BigInt(row), 2),
    uintToBytes(BigInt(dataRows), 2),
    uintToBytes(BigInt(parityRows), 2),
    uintToBytes(BigInt(rowBytes), 4),
    new Uint8Array([rowPath.length, segmentProof ? segmentProof.path.length : noProof]),
    rowRoot,
    combinations,
    ...rowPath,
    ...(segmentProof
      ? [new Uint8Array(segmentProof.path.map((isLeft) => (isLeft ? 1 : 0))), ...segmentProof.lemma]
      : []),
  ])
}

/** Reads the form only; whether the content is right is for `checkFragment`. All bytes are views, not copies. */
export function decodeFragmentFrame(bytes: Uint8Array): Verdict<FragmentFrame, 'frame-malformed'> {
  if (bytes.length < fixedBytes || bytes.length > fragmentFrameBytesMax) return reject('frame-malformed', 'length')
  if (magic.some((byte, at) => bytes[at] !== byte)) return reject('frame-malformed', 'magic')
  const uint = (from: number, to: number) => bytesToUint(bytes.subarray(from, to))
  const [size, stripe] = [uint(4, 12), uint(12, 20)]
  const [row, dataRows, parityRows, rowBytes] = [uint(20, 22), uint(22, 24), uint(24, 26), uint(26, 30)].map(
    Number,
  ) as [number, number, number, number]
  if (size < 1n || size > maxSafe || stripe > maxSafe) return reject('frame-malformed', 'bounds')
  if (dataRows < 1 || dataRows + parityRows > rowsMax || row >= dataRows + parityRows)
    return reject('frame-malformed', 'rows')
  if (rowBytes < 64 || rowBytes > rowBytesMax || rowBytes % 64 !== 0) return reject('frame-malformed', 'rowBytes')
  const [rowPathLength, stepsLength] = [bytes[30]!, bytes[31]!]
  const hasProof = stepsLength !== noProof
  if (rowPathLength > pathMax || (hasProof && stepsLength > pathMax)) return reject('frame-malformed', 'bounds')
  let at = 32
  const lemmaCount = !hasProof ? 0 : stepsLength === 0 ? 1 : stepsLength + 2
  const headBytes = 64 + 16 * dataRows + 32 * rowPathLength + (hasProof ? stepsLength : 0) + 32 * lemmaCount
  if (headBytes > bytes.length || bytes.length - headBytes > rowBytes) return reject('frame-malformed', 'truncated')
  const take = (length: number) => {
    at += length
    return bytes.subarray(at - length, at)
  }
  const rowRoot = take(32)
  const combinations = take(16 * dataRows)
  const rowPath = Array.from({ length: rowPathLength }, () => take(32))
  const steps = hasProof ? take(stepsLength) : new Uint8Array()
  if (steps.some((step) => step > 1)) return reject('frame-malformed', 'path')
  const lemma = Array.from({ length: lemmaCount }, () => take(32))
  const segmentProof = hasProof ? { lemma, path: [...steps].map((step) => step === 1) } : undefined
  const head = { sizeBytes: Number(size), stripe: Number(stripe), row, dataRows, parityRows, rowBytes }
  return accept({ ...head, rowRoot, combinations, rowPath, segmentProof, data: bytes.subarray(at) })
}

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER)
