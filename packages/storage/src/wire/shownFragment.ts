/**
 * A holder's signature over a fragment that it shows: what it answers to whoever asks for one fragment alone. A fragment
 * that is signed and is not of the file is proof against the holder that anybody can judge. Spec: storage §10.
 */
import { bytesToHex, concatBytes, type Hex, hexToBytes, isHexOf, textToBytes, uintToBytes } from '@weightless/codec'
import { ed25519Sign, ed25519Verify, sha256 } from '@weightless/crypto'

/** Which fragment was asked for, and on which chain the file was paid. */
export type FragmentName = { chainId: number; root: Hex; sizeBytes: number; row: number; stripe: number }

/** Header of the answer. */
export const shownHeader = 'x-weightless-shown'

export function signShown(name: FragmentName, frame: Uint8Array, secretKey: Uint8Array): Hex {
  return bytesToHex(ed25519Sign(shownMessage(name, sha256(frame)), secretKey))
}

/** @param frameHash - SHA-256 of the frame */
export function isShownBy(nodeId: Hex, name: FragmentName, frameHash: Uint8Array, signature: unknown): boolean {
  if (!isHexOf(signature, 64)) return false
  return ed25519Verify(hexToBytes(signature as Hex), shownMessage(name, frameHash), hexToBytes(nodeId))
}

function shownMessage({ chainId, root, sizeBytes, row, stripe }: FragmentName, frameHash: Uint8Array): Uint8Array {
  return concatBytes([
    textToBytes('weightless/fragment-shown/1\n'),
    uintToBytes(BigInt(chainId), 8),
    hexToBytes(root),
    uintToBytes(BigInt(sizeBytes), 8),
    uintToBytes(BigInt(row), 2),
    uintToBytes(BigInt(stripe), 8),
    frameHash,
  ])
}
