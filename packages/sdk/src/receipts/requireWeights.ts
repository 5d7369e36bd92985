/** The model of a receipt, checked against its root before anything is read from it. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { type FileTree, type ProvenSource, treeOfSource } from '@weightless/crypto'
import { type ByteSource, bytesSource } from '@weightless/tensor'

/** A model as a file: bytes and plain sources are hashed before use, what proves each read against its root is not. */
export type ModelFile = Uint8Array | ByteSource | ProvenSource

/** A file that was hashed whole: nobody has to do it again, neither for its root nor to prove parts of it. */
export type HashedModel = ProvenSource & { tree: FileTree }

/** @throws {FileSizeInvalidError} for an empty file */
export async function hashModel(source: ByteSource, signal?: AbortSignal): Promise<HashedModel> {
  const tree = await treeOfSource(source, signal)
  const read = (offset: number, length: number) => source.read(offset, length)
  return { root: bytesToHex(tree.root), sizeBytes: source.sizeBytes, read, tree }
}

/** Hashed, unless it proves what it reads. Undefined for an empty file. */
export async function proveModel(
  weights: ModelFile,
  signal?: AbortSignal,
): Promise<ProvenSource | HashedModel | undefined> {
  const source = weights instanceof Uint8Array ? bytesSource(weights) : weights
  if (source.sizeBytes === 0) return undefined
  return isProven(source) ? source : hashModel(source, signal)
}

/** Undefined for other weights. Reads them once through, unless they are proved as they are read, and holds none of them. */
export async function requireWeights(
  weights: ModelFile,
  modelRoot: Hex,
  signal?: AbortSignal,
): Promise<ProvenSource | HashedModel | undefined> {
  const proven = await proveModel(weights, signal)
  return proven?.root.toLowerCase() === modelRoot.toLowerCase() ? proven : undefined
}

/** For proofs of parts of a model. */
export async function treeOfModel(model: ProvenSource | HashedModel, signal?: AbortSignal): Promise<FileTree> {
  return 'tree' in model ? model.tree : treeOfSource(model, signal)
}

function isProven(source: ByteSource | ProvenSource): source is ProvenSource {
  return 'root' in source
}
