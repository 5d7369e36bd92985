/**
 * The one tree form of the storage network: n leaves, levels paired from the left, an odd last node carried up
 * unchanged. Kept as whole levels, so that proofs cost no hashing. Spec: storage §2.
 */
import { hashPairs } from './keccakEngine.ts'

/** `levels[0]` are the leaves, 32 bytes each laid end to end; the last level is the root. */
export type MerkleTree = { leafCount: number; levels: Uint8Array[] }

/** Siblings from the leaf up; `path[i]` says that the node on the way is the left child. */
export type MerklePath = { siblings: Uint8Array[]; path: boolean[] }

/** @param leaves at least one hash, 32 bytes each, end to end */
export function buildTree(leaves: Uint8Array): MerkleTree {
  const levels = [leaves]
  for (let level = leaves; level.length > 32; ) {
    level = nextLevel(level)
    levels.push(level)
  }
  return { leafCount: leaves.length / 32, levels }
}

export function treeRoot(tree: MerkleTree): Uint8Array {
  return tree.levels[tree.levels.length - 1]!
}

export function leafOf(tree: MerkleTree, index: number): Uint8Array {
  return tree.levels[0]!.slice(32 * index, 32 * index + 32)
}

export function pathOf(tree: MerkleTree, leafIndex: number): MerklePath {
  const siblings: Uint8Array[] = []
  const path: boolean[] = []
  let index = leafIndex
  for (const level of tree.levels.slice(0, -1)) {
    const sibling = index ^ 1
    if (32 * sibling < level.length) {
      siblings.push(level.slice(32 * sibling, 32 * sibling + 32))
      path.push(index % 2 === 0)
    }
    index >>>= 1
  }
  return { siblings, path }
}

function nextLevel(level: Uint8Array): Uint8Array {
  const nodes = level.length / 32
  const next = new Uint8Array(32 * Math.ceil(nodes / 2))
  hashPairs(level, Math.floor(nodes / 2), next)
  if (nodes % 2 === 1) next.set(level.subarray(level.length - 32), next.length - 32)
  return next
}
