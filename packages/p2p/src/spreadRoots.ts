/** Carries a batch of roots to the nodes nearest to each: one lookup for a region, one message for a node. Spec: p2p §3. */
import type { Hex } from '@weightless/codec'
import type { Clock } from '@weightless/env'
import { neighbours } from './createHost.ts'
import { firstBits, nearest, type PlacedNode, type PlacedRoot, regionsOf } from './kademliaPlaces.ts'
import { placeOfRoot } from './peerNames.ts'
import { announcedRootsMax } from './questions.ts'
import { runBounded } from './runBounded.ts'

export type SpreadParts = {
  clock: Clock
  /** Nodes to tell, as far as known. */
  candidates(): PlacedNode[]
  /** Learns of nodes near a root, which `candidates` knows afterwards. */
  lookAround(root: Hex, signal: AbortSignal): Promise<void>
  /** This node keeps its own records too: it may be the one that is asked. */
  keepOwn(roots: readonly Hex[], isWithdrawn: boolean): void
  /** True if the node took note. */
  tell(nodeId: Hex, roots: Hex[], isWithdrawn: boolean): Promise<boolean>
}

export type RootSpreader = {
  /** Returns the roots that at least half of their nodes took note of. */
  spread(roots: readonly Hex[], isWithdrawn: boolean, signal: AbortSignal): Promise<Set<Hex>>
  /** Tells a node that came later what it should know of `roots`. */
  tellNewcomer(nodeId: Hex, roots: readonly Hex[], signal: AbortSignal): Promise<void>
}

export function createRootSpreader({ clock, candidates, lookAround, keepOwn, tell }: SpreadParts): RootSpreader {
  const lookedMs = new Map<number, number>()

  async function lookAroundRegions(placed: readonly PlacedRoot[], signal: AbortSignal): Promise<void> {
    const known = candidates().length
    // In between, announcements tell every node of every other, and a lookup could add nothing.
    if (known >= neighbours && known < membershipMax) return
    for (const { key, roots } of regionsOf(placed, known, neighbours)) {
      const nowMs = clock.monotonicMs()
      if (nowMs - (lookedMs.get(key) ?? Number.NEGATIVE_INFINITY) < lookAgainMs) continue
      if (lookedMs.size >= regionsMax) lookedMs.clear()
      lookedMs.set(key, nowMs)
      await lookAround(roots[Math.floor(roots.length / 2)]!, signal)
    }
  }

  async function tellShares(
    shares: ReadonlyMap<Hex, Hex[]>,
    isWithdrawn: boolean,
    signal: AbortSignal,
  ): Promise<Map<Hex, number>> {
    const counts = new Map<Hex, number>()
    const messages = [...shares].flatMap(([nodeId, roots]) =>
      Array.from({ length: Math.ceil(roots.length / announcedRootsMax) }, (_, part) => ({
        nodeId,
        roots: roots.slice(part * announcedRootsMax, (part + 1) * announcedRootsMax),
      })),
    )
    await runBounded(messages, tellersMax, signal, async ({ nodeId, roots }) => {
      if (!(await tell(nodeId, roots, isWithdrawn))) return
      for (const root of roots) counts.set(root, (counts.get(root) ?? 0) + 1)
    })
    return counts
  }

  return {
    async spread(roots, isWithdrawn, signal) {
      keepOwn(roots, isWithdrawn)
      const placed = roots.map((root) => ({ root, bits: firstBits(placeOfRoot(root)) }))
      await lookAroundRegions(placed, signal)
      const known = candidates()
      const shares = new Map<Hex, Hex[]>()
      for (const { root, bits } of placed) {
        for (const nodeId of nearest(known, bits, neighbours)) {
          const share = shares.get(nodeId)
          if (share) share.push(root)
          else shares.set(nodeId, [root])
        }
      }
      const counts = await tellShares(shares, isWithdrawn, signal)
      const enough = Math.max(1, Math.floor(Math.min(known.length, neighbours) / 2))
      return new Set(roots.filter((root) => (counts.get(root) ?? 0) >= enough))
    },
    async tellNewcomer(nodeId, roots, signal) {
      const known = candidates()
      const share: Hex[] = []
      for (const [at, root] of roots.entries()) {
        if (nearest(known, firstBits(placeOfRoot(root)), neighbours).includes(nodeId)) share.push(root)
        // Not to hold up everything else while many thousands are looked through.
        if (at % 512 === 511) await clock.sleep(0, signal)
      }
      await tellShares(new Map([[nodeId, share]]), false, signal)
    },
  }
}

/** A network up to this size is known as a whole; half of what the view of nodes holds. */
const membershipMax = 2_048
const tellersMax = 8
const lookAgainMs = 60_000
const regionsMax = 4_096
