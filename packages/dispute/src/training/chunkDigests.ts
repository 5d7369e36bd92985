/** A table of a step is committed to by the hashes of its chunks. Spec: spec/dispute.md §11.3. */
import { concatBytes } from '@weightless/codec'
import { buildHashTree, type HashTree, hashLeaf, hashTreeRoot, sha256 } from '@weightless/crypto'
import { chunkCount, chunkWords } from './stepTable.ts'

export function chunkBytes(values: Float32Array, chunk: number): Uint8Array {
  return new Uint8Array(values.slice(chunk * chunkWords, (chunk + 1) * chunkWords).buffer)
}

export function digestChunks(values: Float32Array): Uint8Array {
  return concatBytes(Array.from({ length: chunkCount(values.length) }, (_, chunk) => sha256(chunkBytes(values, chunk))))
}

/** @param digests - hashes of a table's chunks, side by side */
export function tableTree(digests: Uint8Array): HashTree {
  const leaves: Uint8Array[] = []
  for (let at = 0; at < digests.length; at += 32) leaves.push(hashLeaf(digests.subarray(at, at + 32)))
  return buildHashTree(leaves)
}

export function tableRoot(digests: Uint8Array): Uint8Array {
  return hashTreeRoot(tableTree(digests))
}
