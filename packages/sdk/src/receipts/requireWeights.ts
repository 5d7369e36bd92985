/** The model of a receipt, hashed against its root before anything is read from it. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { createFileHasher } from '@weightless/crypto'
import { type ByteSource, bytesSource } from '@weightless/tensor'

const pieceBytes = 4 * 1024 * 1024

/** Undefined for other weights. Reads them once through, and holds none of them. */
export async function requireWeights(
  weights: Uint8Array | ByteSource,
  modelRoot: Hex,
  signal?: AbortSignal,
): Promise<ByteSource | undefined> {
  const source = weights instanceof Uint8Array ? bytesSource(weights) : weights
  if (source.sizeBytes === 0) return undefined
  const hasher = createFileHasher()
  for (let at = 0; at < source.sizeBytes; at += pieceBytes) {
    signal?.throwIfAborted()
    hasher.update(await source.read(at, Math.min(pieceBytes, source.sizeBytes - at)))
  }
  return bytesToHex(hasher.finish().root) === modelRoot.toLowerCase() ? source : undefined
}
