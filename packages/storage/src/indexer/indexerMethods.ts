/** The `indexer_*` methods. Only whole-file nodes are named: published SDKs lose segments on uneven shards. Spec: storage §8. */

import type { RpcMethods } from '../http/jsonRpcServer.ts'
import { readCount, readHash } from '../http/readParams.ts'
import { callFailed, invalidParams } from '../wire/index.ts'
import type { NodeRegistry } from './nodeRegistry.ts'

export function createIndexerMethods(registry: NodeRegistry): RpcMethods {
  const wholeNodes = () => registry.nodes().filter(({ config }) => config.numShard === 1)
  return {
    indexer_getShardedNodes: () => ({ result: { trusted: wholeNodes(), discovered: [] } }),
    indexer_getSelectedNodes: ([expectedReplica, , , dropped]) => {
      const replica = readCount(expectedReplica ?? 1)
      if (replica === undefined) return { fault: invalidParams('expectedReplica', 'expected an unsigned integer') }
      const left = Array.isArray(dropped) ? dropped : []
      const nodes = wholeNodes().filter(({ url }) => !left.includes(url))
      if (nodes.length < replica) return { fault: callFailed('cannot select a subset from the trusted nodes') }
      return { result: { trusted: nodes.slice(0, replica), discovered: [] } }
    },
    indexer_getNodeLocations: () => ({ result: {} }),
    indexer_getFileLocations: async ([key], { signal }) => {
      const root = readHash(key)
      if (!root) return { fault: invalidParams('root', 'expected a 32-byte hash') }
      const infos = await registry.fileInfos(root, signal)
      if (infos.length === 0) return { fault: callFailed('file not found') }
      const holders = infos.filter(({ node, info }) => info.finalized && node.config.numShard === 1)
      return { result: holders.length === 0 ? null : holders.map(({ node }) => node) }
    },
  }
}
