/** JSON shapes of the storage network's RPC, exactly as its nodes and clients write them. Spec: storage §6, §7. */
import type { Hex } from '@weightless/codec'

/** `path[i]`: the node at level i, from below, is the left child. */
export type ProofJson = { lemma: Hex[]; path: boolean[] }

export type SegmentWithProofJson = { root: Hex; data: string; index: number; proof: ProofJson; fileSize: number }

export type TransactionJson = {
  streamIds: Hex[]
  data: number[]
  dataMerkleRoot: Hex
  /** Depth counts nodes on the way down, so it is the height plus one. */
  merkleNodes: [depth: number, root: Hex][]
  startEntryIndex: number
  size: number
  seq: number
}

export type FileInfoJson = {
  tx: TransactionJson
  finalized: boolean
  isCached: boolean
  uploadedSegNum: number
  pruned: boolean
}

export type StatusJson = {
  connectedPeers: number
  logSyncHeight: number
  logSyncBlock: Hex
  nextTxSeq: number
  networkIdentity: {
    chainId: number
    flowAddress: Hex
    p2pProtocolVersion: { major: number; minor: number; build: number }
  }
}

export type ShardConfigJson = { shardId: number; numShard: number }

/** How far a snapshot is. `folder` is below the node's data folder; `missing` counts records that could not be copied. */
export type SnapshotJson = {
  name: string
  folder: string
  state: 'running' | 'complete' | 'failed'
  reason: string | null
  records: number
  bytes: number
  missing: number
  totalBytes: number
}

/** `latency` in ms, `since` in Unix seconds. */
export type ShardedNodeJson = { url: string; config: ShardConfigJson; latency: number; since: number }

export type ShardedNodesJson = { trusted: ShardedNodeJson[]; discovered: ShardedNodeJson[] }

/** The version of the node protocol that we speak, as `zgs_getStatus` reports it. */
export const protocolVersion = { major: 0, minor: 4, build: 0 } as const
