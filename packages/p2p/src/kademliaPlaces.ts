/** Nearness in the Kademlia space by the first 32 bits of a place: enough to tell thousands of nodes apart. Spec: p2p §3. */
import type { Hex } from '@weightless/codec'

export type PlacedNode = { nodeId: Hex; bits: number }

export type PlacedRoot = { root: Hex; bits: number }

/** Roots whose places share so many leading bits that about `size` nodes stand there. */
export type Region = { key: number; roots: Hex[] }

/** The first 32 bits of a place. */
export function firstBits(place: Uint8Array): number {
  return ((place[0]! << 24) | (place[1]! << 16) | (place[2]! << 8) | place[3]!) >>> 0
}

/** The `count` nodes nearest to `bits` by XOR, in no order. */
export function nearest(nodes: readonly PlacedNode[], bits: number, count: number): Hex[] {
  if (nodes.length <= count) return nodes.map(({ nodeId }) => nodeId)
  const distances = new Float64Array(nodes.length)
  for (let i = 0; i < nodes.length; i++) distances[i] = (nodes[i]!.bits ^ bits) >>> 0
  const limit = [...distances].sort((a, b) => a - b)[count - 1]!
  return nodes.flatMap(({ nodeId }, i) => (distances[i]! <= limit ? [nodeId] : [])).slice(0, count)
}

export function regionsOf(roots: readonly PlacedRoot[], nodes: number, size: number): Region[] {
  const depth = Math.max(0, Math.min(20, Math.floor(Math.log2(nodes / size))))
  const regions = new Map<number, Region>()
  for (const { root, bits } of roots) {
    // The shift by 32 that a depth of 0 asks for is none in JavaScript.
    const key = depth === 0 ? 0 : bits >>> (32 - depth)
    const region = regions.get(key)
    if (region) region.roots.push(root)
    else regions.set(key, { key, roots: [root] })
  }
  return [...regions.values()]
}
