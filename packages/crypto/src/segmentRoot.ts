/** Hashes one segment: its root, and the roots of the perfect trees of which it consists. Spec: storage §2. */
import { nodeHeights } from './fileShape.ts'
import { sectorTrees } from './keccakEngine.ts'
import { hashPair } from './keccakKernel.ts'

/** A perfect tree over 2^height sectors: one node of a submission. */
export type TreeNode = { root: Uint8Array; height: number }

/**
 * The perfect trees of a segment, largest first.
 * @param data at most `256 * paddedSectors` bytes; zeros are added
 * @param paddedSectors 1 to 1024
 */
export function segmentNodes(data: Uint8Array, paddedSectors: number): TreeNode[] {
  const heights = nodeHeights(paddedSectors)
  const roots = new Uint8Array(32 * heights.length)
  sectorTrees(data, paddedSectors, roots)
  return heights.map((height, i) => ({ root: roots.slice(32 * i, 32 * i + 32), height }))
}

export function segmentRoot(data: Uint8Array, paddedSectors: number): Uint8Array {
  return foldNodes(segmentNodes(data, paddedSectors))
}

/** Root of the file whose perfect trees are `nodes`, largest first: folded from the right. */
export function foldNodes(nodes: readonly TreeNode[]): Uint8Array {
  return nodes.map((node) => node.root).reduceRight((rest, root) => hashPair(root, rest))
}
