/** What `GET /node/status` answers, gathered when it is asked for. Spec: storage §11. */
import type { Hex } from '@weightless/codec'
import type { NodeStatusJson } from '../wire/index.ts'
import type { HolderOptions } from './openHolder.ts'

export function createNodeStatus(nodeId: Hex, { network }: Pick<HolderOptions, 'network'>): () => NodeStatusJson {
  return () => {
    const joined = network?.()
    return { nodeId, peers: joined ? { connected: joined.peers().length, known: joined.nodes().length } : null }
  }
}
