/** How many sectors, segments and submission nodes a file of a given size has. Spec: storage §1, §2. */
import { WeightlessError } from '@weightless/codec'
import { sectorBytes } from './keccakKernel.ts'

export const segmentSectors = 1024
export const segmentBytes = segmentSectors * sectorBytes
/** Sizes above it would need more than 2^40 segments, beyond any counter that we keep; the contract allows more. */
export const fileBytesMax = 2 ** 48

export type FileShape = {
  sizeBytes: number
  /** Sectors that hold data. */
  sectors: number
  /** Sectors after flow padding: what the submission and its fee count. */
  paddedSectors: number
  /** Segments that hold data: what is uploaded. */
  segments: number
  /** Segments of the padded file: the leaves of the file tree. */
  paddedSegments: number
}

/** @throws {FileSizeInvalidError} for anything but an integer from 1 to `fileBytesMax` */
export function fileShape(sizeBytes: number): FileShape {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 1 || sizeBytes > fileBytesMax) {
    throw new FileSizeInvalidError({ sizeBytes })
  }
  const sectors = Math.ceil(sizeBytes / sectorBytes)
  const paddedSectors = padSectors(sectors)
  return {
    sizeBytes,
    sectors,
    paddedSectors,
    segments: Math.ceil(sectors / segmentSectors),
    paddedSegments: Math.ceil(paddedSectors / segmentSectors),
  }
}

/** Data bytes that segment `index` carries on the wire: whole sectors, flow padding left out. */
export function segmentDataBytes(shape: FileShape, index: number): number {
  return Math.min(segmentSectors, shape.sectors - index * segmentSectors) * sectorBytes
}

/** Sectors of segment `index` in the padded file; 1024 except in the last. */
export function segmentPaddedSectors(shape: FileShape, index: number): number {
  return Math.min(segmentSectors, shape.paddedSectors - index * segmentSectors)
}

/** Heights of the perfect trees that `sectors` split into, largest first: its binary digits. */
export function nodeHeights(sectors: number): number[] {
  const heights: number[] = []
  let rest = sectors
  for (let height = Math.floor(Math.log2(sectors)) + 1; height >= 0; height--) {
    const width = 2 ** height
    if (rest < width) continue
    heights.push(height)
    rest -= width
  }
  return heights
}

export function powerOfTwoFrom(value: number): number {
  let power = 1
  while (power < value) power *= 2
  return power
}

function padSectors(sectors: number): number {
  const power = powerOfTwoFrom(sectors)
  if (power === sectors) return sectors
  const unit = Math.max(1, power / 16)
  return Math.ceil(sectors / unit) * unit
}

export class FileSizeInvalidError extends WeightlessError {
  constructor(facts: { sizeBytes: number }) {
    super('crypto/file-size-invalid', `A file has from 1 to ${fileBytesMax} bytes.`, facts, {
      hint: 'Empty files cannot be stored; split larger ones.',
    })
  }
}
