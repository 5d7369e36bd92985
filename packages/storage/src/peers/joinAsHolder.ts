/**
 * A holder among its peers: it provides the roots of its final files, announces new placements, and hears of nodes and
 * placements from others. Spec: p2p §1, storage §11, §12.
 */
import type { Hex } from '@weightless/codec'
import type { PeerNetwork } from '@weightless/p2p'
import type { Holder } from '../holder/openHolder.ts'
import { placementStage, type SignedPlacement } from '../wire/index.ts'
import { type JoinParts, openJoined } from './peerJoin.ts'

export type HolderJoinParts = JoinParts & {
  secretKey: Uint8Array
  holder: Pick<Holder, 'nodeId' | 'placements' | 'nodes' | 'record'>
  /** Told the multiaddresses, for the node's record, before it is asked for. */
  onAddresses(addresses: readonly string[]): void
}

export type JoinedHolder = {
  network: PeerNetwork
  /** To be called with every placement that is new here. */
  onPlaced(placement: SignedPlacement): void
  close(): Promise<void>
}

/** @throws {PeerListenError} */
export async function joinAsHolder(parts: HolderJoinParts): Promise<JoinedHolder> {
  const { env, holder, secretKey, onAddresses } = parts
  const { nodeId, placements } = holder
  const stop = new AbortController()
  const network = await openJoined(parts, {
    secretKey32: secretKey,
    record(addresses) {
      onAddresses(addresses)
      return holder.record()
    },
    placementOf: async (root) => newestOf(placements.find(root)),
  })
  const heard = createHeardSet()

  function provide(placement: SignedPlacement): void {
    if (placementStage(placement) !== 'final') return
    if (placement.holders.includes(nodeId)) network.provide(placement.root)
    else if (!placements.find(placement.root).some(({ holders }) => holders.includes(nodeId))) {
      network.unprovide(placement.root)
    }
  }

  async function announce(placement: SignedPlacement): Promise<void> {
    // All holders learn of it at once; the later rows speak only where the earlier ones did not.
    const row = placement.holders.indexOf(nodeId)
    if (row < 0 || heard.has(placement)) return
    await env.clock.sleep(row * waitPerRowMs, stop.signal)
    if (heard.has(placement)) return
    heard.add(placement)
    await network.publish('placement', placement)
  }

  async function provideKept(): Promise<void> {
    for (let after: string | undefined; !stop.signal.aborted; ) {
      const page = placements.list(pageSize, after)
      for (const { placement } of page) provide(placement)
      if (page.length < pageSize) return
      after = page.at(-1)!.key
      await env.clock.sleep(0, stop.signal)
    }
  }

  const kept = provideKept().catch(() => undefined)
  network.onNode((record) => holder.nodes.take(record))
  network.onGossip('placement', (placement) => {
    heard.add(placement)
    const concernsUs = placement.holders.includes(nodeId) || placements.find(placement.root).length > 0
    if (concernsUs) placements.put(placement.root, placement, stop.signal).catch(() => undefined)
  })
  return {
    network,
    onPlaced(placement) {
      provide(placement)
      if (placementStage(placement) === 'final') announce(placement).catch(() => undefined)
    },
    async close() {
      stop.abort()
      await kept
      await network.close()
    },
  }
}

function newestOf(placements: readonly SignedPlacement[]): SignedPlacement | undefined {
  return placements.toSorted((a, b) => b.version - a.version)[0]
}

/** The last placements that were announced, by whomever. */
function createHeardSet() {
  const names = new Set<string>()
  const nameOf = ({ root, sizeBytes, version }: SignedPlacement): string => `${root as Hex}/${sizeBytes}/${version}`
  return {
    has: (placement: SignedPlacement) => names.has(nameOf(placement)),
    add(placement: SignedPlacement): void {
      if (names.size >= heardMax) names.delete(names.values().next().value!)
      names.add(nameOf(placement))
    },
  }
}

const pageSize = 1_000
const heardMax = 4_096
const waitPerRowMs = 300
