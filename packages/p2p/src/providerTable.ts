/**
 * Who said of itself that it holds which root: the provider records that this node keeps for others. Bounded so that
 * one node that names millions of roots displaces its own records first. Spec: p2p §3.
 */
import type { Hex } from '@weightless/codec'
import type { Clock } from '@weightless/env'

export type ProviderTable = {
  add(root: Hex, nodeId: Hex): void
  remove(root: Hex, nodeId: Hex): void
  /** Newest last; expired ones left out. */
  holders(root: Hex): Hex[]
  /** Drops what has expired. */
  prune(): void
  size(): number
}

export type ProviderBounds = {
  /** Records kept; about 250 bytes each. */
  recordsMax?: number
  /** How long a record holds unless it is said again. */
  ttlMs?: number
}

export function createProviderTable(
  clock: Clock,
  { recordsMax = 200_000, ttlMs = recordTtlMs }: ProviderBounds = {},
): ProviderTable {
  const byRoot = new Map<Hex, Map<Hex, number>>()
  /** Roots by node, oldest first. */
  const byNode = new Map<Hex, Set<Hex>>()
  let size = 0

  function remove(root: Hex, nodeId: Hex): void {
    const holders = byRoot.get(root)
    if (!holders?.delete(nodeId)) return
    size--
    if (holders.size === 0) byRoot.delete(root)
    const roots = byNode.get(nodeId)!
    roots.delete(root)
    if (roots.size === 0) byNode.delete(nodeId)
  }

  function makeRoom(): void {
    let largest: [Hex, Set<Hex>] | undefined
    for (const entry of byNode) if (!largest || entry[1].size > largest[1].size) largest = entry
    if (largest) remove(largest[1].values().next().value!, largest[0])
  }

  const isExpired = (saidMs: number): boolean => clock.monotonicMs() - saidMs > ttlMs

  return {
    add(root, nodeId) {
      remove(root, nodeId)
      if (size >= recordsMax) makeRoom()
      const holders = byRoot.get(root) ?? new Map<Hex, number>()
      if (holders.size >= holdersMax) remove(root, holders.keys().next().value!)
      byRoot.set(root, holders.set(nodeId, clock.monotonicMs()))
      byNode.set(nodeId, (byNode.get(nodeId) ?? new Set()).add(root))
      size++
    },
    remove,
    holders: (root) => [...(byRoot.get(root) ?? [])].flatMap(([nodeId, saidMs]) => (isExpired(saidMs) ? [] : [nodeId])),
    prune() {
      for (const [nodeId, roots] of byNode) {
        for (const root of roots) {
          if (!isExpired(byRoot.get(root)!.get(nodeId)!)) break
          remove(root, nodeId)
        }
      }
    },
    size: () => size,
  }
}

/** A day, as long as the network's file locations hold; said again after half of it. */
export const recordTtlMs = 86_400_000
/** Holders of one root; more than any usual shape has rows. */
const holdersMax = 64
