/** The model of a receipt, hashed against its root before anything is read from it. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { rootOfSource } from '@weightless/crypto'
import { type ByteSource, bytesSource } from '@weightless/tensor'

/** Undefined for other weights. Reads them once through, and holds none of them. */
export async function requireWeights(
  weights: Uint8Array | ByteSource,
  modelRoot: Hex,
  signal?: AbortSignal,
): Promise<ByteSource | undefined> {
  const source = weights instanceof Uint8Array ? bytesSource(weights) : weights
  if (source.sizeBytes === 0) return undefined
  return bytesToHex(await rootOfSource(source, signal)) === modelRoot.toLowerCase() ? source : undefined
}
