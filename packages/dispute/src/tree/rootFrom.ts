/** Where a leaf of a tree (`hashTree` of crypto) leads to, in a tree that is not there itself. Spec: spec/dispute.md §2.2. */
import { hashNode } from '@weightless/crypto'

/** The hashes beside the way from a leaf to the root, from below; levels where the node rises alone have none. */
export type Path = readonly Uint8Array[]

/** Root that leaf `index` and its path lead to, in a tree of `leaves` leaves; undefined if the path has not the right length. */
export function rootFrom(leaf: Uint8Array, index: number, leaves: number, path: Path): Uint8Array | undefined {
  if (index < 0 || index >= leaves) return undefined
  let hash = leaf
  let used = 0
  for (let [width, i] = [leaves, index]; width > 1; width = Math.ceil(width / 2), i >>= 1) {
    if ((i ^ 1) >= width) continue
    const beside = path[used++]
    if (beside === undefined || beside.length !== 32) return undefined
    hash = i & 1 ? hashNode(beside, hash) : hashNode(hash, beside)
  }
  return used === path.length ? hash : undefined
}
