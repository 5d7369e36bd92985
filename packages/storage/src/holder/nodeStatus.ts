/** What `GET /node/status` answers, gathered when it is asked for. Spec: storage §11. */
import type { Hex } from '@weightless/codec'
import type { NodeStatusJson } from '../wire/index.ts'
import type { HolderOptions } from './holderOptions.ts'

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
