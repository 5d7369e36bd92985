/**
 * A holder's signature over a fragment that it shows: what it answers to whoever asks for one fragment alone. A fragment
 * that is signed and is not of the file is proof against the holder that anybody can judge, a contract too: what is signed
 * is a root over the frame, of which one piece can be shown. Spec: storage §10.6, §15.
 */
import { bytesToHex, concatBytes, type Hex, hexToBytes, isHexOf, textToBytes, uintToBytes } from '@weightless/codec'
import { buildHashTree, ed25519Sign, ed25519Verify, type HashTree, hashLeaf, hashTreeRoot } from '@weightless/crypto'

/** Which fragment was asked for, in which code, and on which chain the file was paid. */
export type FragmentName = {
  chainId: number
  root: Hex
  sizeBytes: number
  dataRows: number
  row: number
  stripe: number
}

/** What of the frame is signed. */
export type FrameDigest = { frameBytes: number; frameRoot: Hex }

/** Header of the answer. */
export const shownHeader = 'x-weightless-shown'

/** Bytes of a piece of the frame: a contract is shown one of them, and few of them cost little to hash. */
export const pieceBytes = 4_096

/** In pieces counted from the end, where a data row's sectors stand: the first one may be shorter. */
export function framePieces(frame: Uint8Array): Uint8Array[] {
  const firstBytes = frame.length % pieceBytes || pieceBytes
  const count = Math.ceil(frame.length / pieceBytes)
  const endOf = (i: number) => firstBytes + i * pieceBytes
  return Array.from({ length: count }, (_, i) => frame.subarray(Math.max(0, endOf(i) - pieceBytes), endOf(i)))
}

export function frameTree(frame: Uint8Array): HashTree {
  return buildHashTree(framePieces(frame).map(hashLeaf))
}

/** @param frame - of one byte or more */
export function digestFrame(frame: Uint8Array): FrameDigest {
  return { frameBytes: frame.length, frameRoot: bytesToHex(hashTreeRoot(frameTree(frame))) }
}

export function signShown(name: FragmentName, frame: Uint8Array, secretKey: Uint8Array): Hex {
  return bytesToHex(ed25519Sign(shownMessage(name, digestFrame(frame)), secretKey))
}

export function isShownBy(nodeId: Hex, name: FragmentName, digest: FrameDigest, signature: unknown): boolean {
  if (!isHexOf(signature, 64)) return false
  return ed25519Verify(hexToBytes(signature as Hex), shownMessage(name, digest), hexToBytes(nodeId))
}

/** As `HolderStake.shownMessage` makes it. */
export function shownMessage(
  { chainId, root, sizeBytes, dataRows, row, stripe }: FragmentName,
  { frameBytes, frameRoot }: FrameDigest,
): Uint8Array {
  return concatBytes([
    textToBytes('weightless/fragment-shown/2\n'),
    uintToBytes(BigInt(chainId), 8),
    hexToBytes(root),
    uintToBytes(BigInt(sizeBytes), 8),
    uintToBytes(BigInt(dataRows), 2),
    uintToBytes(BigInt(row), 2),
    uintToBytes(BigInt(stripe), 8),
    uintToBytes(BigInt(frameBytes), 4),
    hexToBytes(frameRoot),
  ])
}
