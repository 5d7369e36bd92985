/**
 * The one sector by which a contract sees that a data fragment, as its holder showed and signed it, is not of the file: as the
 * file has it, and as the frame has it. Spec: storage §15.
 */
import { bytesToHex, type Hex } from '@weightless/codec'
import { fileTree, hashTreePath, sectorBytes, segmentBytes, segmentDataBytes } from '@weightless/crypto'
import { proveSectors } from '@weightless/crypto/sectorRange'
import {
  digestFrame,
  type FragmentName,
  type FrameDigest,
  framePieces,
  frameTree,
  pieceBytes,
} from './shownFragment.ts'

/** As `HolderStake.reportFragment` takes them. */
export type OtherSectorProof = {
  shown: Omit<FragmentName, 'chainId'> & FrameDigest
  other: { sector: number; inFile: Hex; siblings: Hex[]; piece: Hex; path: Hex[] }
}

/**
 * @param file - all bytes of it
 * @param frame - what the holder signed
 * @returns undefined where a contract cannot see it: of a parity row, or where the sectors are right and something else is not
 */
export function proveOtherSector(
  name: FragmentName,
  file: Uint8Array,
  frame: Uint8Array,
): OtherSectorProof | undefined {
  const { chainId: _, ...named } = name
  const tree = fileTree(file)
  const segment = name.stripe * name.dataRows + name.row
  if (name.row >= name.dataRows || segment >= tree.shape.segments) return undefined
  const data = new Uint8Array(segmentDataBytes(tree.shape, segment))
  data.set(file.subarray(segment * segmentBytes, (segment + 1) * segmentBytes))
  const isShort = frame.length < data.length
  const shownAt = frame.length - data.length
  const isOther = (at: number) =>
    data.subarray(at, at + sectorBytes).some((byte, i) => byte !== frame[shownAt + at + i])
  let at = 0
  while (!isShort && at < data.length && !isOther(at)) at += sectorBytes
  if (at >= data.length) return undefined
  const from = segment * segmentBytes + at
  const readSegment = (index: number) => file.subarray(index * segmentBytes, (index + 1) * segmentBytes)
  const { sectors, siblings } = proveSectors(tree, readSegment, from, Math.min(sectorBytes, file.length - from))
  const pieces = framePieces(frame)
  const behind = data.length - at - sectorBytes
  const place = isShort ? 0 : pieces.length - 1 - Math.floor(behind / pieceBytes)
  return {
    shown: { ...named, ...digestFrame(frame) },
    other: {
      sector: at / sectorBytes,
      inFile: bytesToHex(sectors),
      siblings: siblings.map((hash) => bytesToHex(hash)),
      piece: bytesToHex(pieces[place]!),
      path: hashTreePath(frameTree(frame), place).map((hash) => bytesToHex(hash)),
    },
  }
}
