/** What a node says about itself and how far it has followed the chain. Spec: storage §6.1. */
import type { Hex } from '@weightless/codec'
import { protocolVersion, type StatusJson } from '../wire/index.ts'
import type { FlowLog } from './flowLog.ts'
import type { FlowSource } from './flowSource.ts'

export function createStatus(
  { chainId, flowAddress }: { chainId: number; flowAddress: Hex },
  flow: FlowLog,
  source: FlowSource,
  reachable: () => number,
): () => Promise<StatusJson> {
  let known = { block: -1, hash: `0x${'00'.repeat(32)}` as Hex }
  return async () => {
    const block = Math.max(0, flow.headBlock())
    // The chain may be away; the status then names the last block whose hash was seen.
    if (block !== known.block)
      known = await source.blockHash(block).then(
        (hash) => ({ block, hash }),
        () => known,
      )
    return {
      connectedPeers: reachable(),
      logSyncHeight: block,
      logSyncBlock: known.hash,
      nextTxSeq: flow.count(),
      networkIdentity: { chainId, flowAddress, p2pProtocolVersion: protocolVersion },
    }
  }
}
