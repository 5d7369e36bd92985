/** The model of a receipt, checked against its root before anything is read from it. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { type ProvenSource, rootOfSource } from '@weightless/crypto'
import { type ByteSource, bytesSource } from '@weightless/tensor'

/** A model as a file: bytes and plain sources are hashed before use, what proves each read against its root is not. */
export type ModelFile = Uint8Array | ByteSource | ProvenSource

/** Undefined for other weights. Reads them once through, unless they are proved as they are read, and holds none of them. */
export async function requireWeights(
  weights: ModelFile,
  modelRoot: Hex,
  signal?: AbortSignal,
): Promise<ByteSource | undefined> {
  const source = weights instanceof Uint8Array ? bytesSource(weights) : weights
  if (source.sizeBytes === 0) return undefined
  const root = isProven(source) ? source.root : bytesToHex(await rootOfSource(source, signal))
  return root.toLowerCase() === modelRoot.toLowerCase() ? source : undefined
}

function isProven(source: ByteSource | ProvenSource): source is ProvenSource {
  return 'root' in source
}
