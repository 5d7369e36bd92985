/** Merkle trees of RFC 6962 §2.1 with SHA-256, by level: leaves hashed behind a byte 0, nodes behind a byte 1, an odd node rises unchanged. */
import { concatBytes } from '@weightless/codec'
import { sha256 } from './sha256.ts'

/** `levels[0]` are the leaves' hashes; the last level holds the root alone. */
export type HashTree = { levels: readonly (readonly Uint8Array[])[] }

const leafTag = Uint8Array.of(0)
const nodeTag = Uint8Array.of(1)

export function hashLeaf(bytes: Uint8Array): Uint8Array {
  return sha256(concatBytes([leafTag, bytes]))
}

export function hashNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concatBytes([nodeTag, left, right]))
}

/** @param leaves - their hashes, at least one */
export function buildHashTree(leaves: readonly Uint8Array[]): HashTree {
  const levels = [leaves]
  for (let level = leaves; level.length > 1; ) {
    level = levelAbove(level)
    levels.push(level)
  }
  return { levels }
}

/** The nodes over a level: half as many, and the last of an odd number as it is. */
export function levelAbove(level: readonly Uint8Array[]): Uint8Array[] {
  const above: Uint8Array[] = []
  for (let i = 0; i < level.length; i += 2) {
    above.push(i + 1 < level.length ? hashNode(level[i]!, level[i + 1]!) : level[i]!)
  }
  return above
}

export function hashTreeRoot(tree: HashTree): Uint8Array {
  return tree.levels[tree.levels.length - 1]![0]!
}

/** Siblings from the leaf up; there is none where the node rises alone. */
export function hashTreePath(tree: HashTree, position: number): Uint8Array[] {
  return tree.levels.slice(0, -1).flatMap((level, height) => level[(position >>> height) ^ 1] ?? [])
}
