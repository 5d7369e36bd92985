/**
 * An indexer among its peers: nodes and placements that it hears of go into its registry like those it is told over HTTP,
 * under the same checks. It has no record of its own, so nobody takes it for a place for files. Spec: p2p §1.
 */
import type { PeerNetwork } from '@weightless/p2p'
import type { Registry } from '../indexer/registry.ts'
import { type JoinParts, openJoined } from './peerJoin.ts'

/** @throws {PeerListenError} */
export async function joinAsIndexer(parts: JoinParts & { registry: Registry }): Promise<PeerNetwork> {
  const { env, registry, join } = parts
  const network = await openJoined(parts, {
    secretKey32: join.secretKey32 ?? env.random.bytes(32),
    record: () => undefined,
    placementOf: async (root) => registry.placements.find(root).toSorted((a, b) => b.version - a.version)[0],
  })
  network.onNode((record) => registry.directory.announce(record.nodeId, record))
  network.onGossip('placement', (placement) => {
    // Most are known already; what is refused is nobody's loss here.
    registry.placements.put(placement.root, placement).catch(() => undefined)
  })
  return network
}
