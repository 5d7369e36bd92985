/** What `GET /node/status` answers, gathered when it is asked for. Spec: storage §11. */
import type { Hex } from '@weightless/codec'
import type { MiningJson, NodeStatusJson } from '../wire/index.ts'
import type { HolderOptions } from './openHolder.ts'

/** Undefined where the node does not mine. */
export type TellMining = () => MiningJson | undefined

export function createNodeStatus(
  nodeId: Hex,
  { network, mining }: Pick<HolderOptions, 'network' | 'mining'>,
): () => NodeStatusJson {
  return () => {
    const joined = network?.()
    const peers = joined ? { connected: joined.peers().length, known: joined.nodes().length } : null
    return { nodeId, peers, mining: mining?.() ?? null }
  }
}
