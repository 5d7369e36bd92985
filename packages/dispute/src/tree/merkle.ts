/** Merkle trees of RFC 6962 with SHA-256, by level, so that any node can be shown and led to the root. Spec: spec/dispute.md §2.2. */
import { concatBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'

/** `levels[0]` are the leaves' hashes, the last level is the root alone. An odd node rises unchanged. */
export type Tree = { levels: readonly (readonly Uint8Array[])[] }

/** The hashes beside the way from a node to the root, from below; levels where the node rises alone have none. */
export type Path = readonly Uint8Array[]

export function leafHash(bytes: Uint8Array): Uint8Array {
  return sha256(concatBytes([Uint8Array.of(0), bytes]))
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concatBytes([Uint8Array.of(1), left, right]))
}

/** @param leaves - their hashes, at least one */
export function buildTree(leaves: readonly Uint8Array[]): Tree {
  const levels: (readonly Uint8Array[])[] = [leaves]
  for (let level = leaves; level.length > 1; ) {
    const above: Uint8Array[] = []
    for (let i = 0; i < level.length; i += 2) {
      above.push(i + 1 < level.length ? nodeHash(level[i]!, level[i + 1]!) : level[i]!)
    }
    levels.push(above)
    level = above
  }
  return { levels }
}

export function rootOf(tree: Tree): Uint8Array {
  return tree.levels.at(-1)![0]!
}

/** The way to the root of node `index` at `level`. */
export function pathFrom(tree: Tree, level: number, index: number): Path {
  const path: Uint8Array[] = []
  for (let [at, i] = [level, index]; at < tree.levels.length - 1; at++, i >>= 1) {
    const beside = tree.levels[at]![i ^ 1]
    if (beside !== undefined) path.push(beside)
  }
  return path
}

/** Root that a node and its path lead to, in a tree of `leaves` leaves; undefined if the path has not the right length. */
export function rootFrom(
  node: Uint8Array,
  level: number,
  index: number,
  leaves: number,
  path: Path,
): Uint8Array | undefined {
  let hash = node
  let used = 0
  let [width, i] = [leaves, index]
  for (let at = 0; at < level; at++) width = Math.ceil(width / 2)
  if (index < 0 || index >= width) return undefined
  for (; width > 1; width = Math.ceil(width / 2), i >>= 1) {
    if ((i ^ 1) >= width) continue
    const beside = path[used++]
    if (beside === undefined || beside.length !== 32) return undefined
    hash = i & 1 ? nodeHash(beside, hash) : nodeHash(hash, beside)
  }
  return used === path.length ? hash : undefined
}

/** Levels above the leaves of a tree of `leaves` leaves. */
export function heightOf(leaves: number): number {
  return Math.ceil(Math.log2(Math.max(1, leaves)))
}
