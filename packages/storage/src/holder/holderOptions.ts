/** What a holder is opened with. */
import type { Hex } from '@weightless/codec'
import type { Disk, Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import type { PeerNetwork } from '@weightless/p2p'
import type { FlowSource } from '../node/flowSource.ts'
import type { PruneOptions } from '../node/pruneExpired.ts'
import type { MiningJson, ShardConfigJson, SignedPlacement } from '../wire/index.ts'
import type { RepairOptions } from './repair/startUpkeep.ts'

/** Undefined where the node does not mine. */
export type TellMining = () => MiningJson | undefined

export type HolderOptions = {
  env: Env
  /** The node's own folder; default: all of `env.disk`. */
  disk?: Disk
  /** Ed25519: names the node and signs for it. */
  secretKey: Uint8Array
  /** One of `source`, `ledger`, `rpcUrl` says how the chain is reached. */
  rpcUrl?: string
  ledger?: Ledger
  source?: FlowSource
  flowAddress: Hex
  chainId: number
  /** No submission lies before it; default 0. */
  startBlock?: number
  /** The part of the flow whose data rows it takes; null for parity rows alone. */
  shard: ShardConfigJson | null
  /** Where others reach this node. */
  url(): string
  /** libp2p multiaddresses. */
  addresses?(): readonly string[]
  indexerUrls: readonly string[]
  /** URLs of other holders that are known without an indexer. */
  peers?: readonly string[]
  /** The peers that it joined, once it has. */
  network?(): PeerNetwork | undefined
  /** What it says of its mining, if it mines. */
  mining?: TellMining
  /** Told of every placement that is new here. */
  onPlaced?(placement: SignedPlacement): void
  /** How often the chain is asked for news; default 50 ms. */
  pollMs?: number
  /** How often the node announces itself and asks for others; default 5 s. */
  announceMs?: number
  /** How long fragments wait for their submission to be seen; default 10 s. */
  submissionWaitMs?: number
  /** Bytes of fragments in flight before sockets are no longer read; default 48 MiB. */
  inFlightBytesMax?: number
  /** How long an unplaced row keeps other rows of its file away after its last fragment; default 1 minute. */
  takenMs?: number
  /** How long fragments that no placement needs are kept; default 24 hours. */
  openTtlMs?: number
  repair?: RepairOptions
  prune?: PruneOptions
  /** Told when the payment of a file has run out, and nothing of it is here any more. */
  onPruned?(root: Hex): void
  /** What `admin_shutdown` does; without it the method is refused. */
  onShutdown?(): void
}
