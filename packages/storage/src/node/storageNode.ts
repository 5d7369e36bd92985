/** One storage node: opens its data, follows the flow, takes and serves segments, fetches what it lacks. Spec: storage §5 to §7. */
import type { Hex } from '@weightless/codec'
import type { Disk, Env } from '@weightless/env'
import { createLedger, type Ledger } from '@weightless/ledger'
import { openKeyValue } from '@weightless/store'
import { type GatewayOptions, openGateway } from '../gateway/openGateway.ts'
import type { ContentSource } from '../http/contentRoutes.ts'
import type { RpcMethods } from '../http/jsonRpcServer.ts'
import { createMinerSlot } from '../mining/minerMethods.ts'
import { type Copying, copyKeyValue, copySegments } from '../snapshot/copyStore.ts'
import { keepSnapshots } from '../snapshot/keepSnapshots.ts'
import { refuseUnfinished } from '../snapshot/snapshotMark.ts'
import type { ShardConfigJson } from '../wire/index.ts'
import { type AcceptParts, acceptEarlySegments, acceptSegment, pickByRoot } from './acceptSegment.ts'
import { createAdminMethods } from './adminMethods.ts'
import { describeFile } from './describeFile.ts'
import { createStatus } from './describeStatus.ts'
import { createEarlySegments } from './earlySegments.ts'
import { exceptPruned, keptFiles } from './finalFiles.ts'
import { type FlowLog, openFlowLog } from './flowLog.ts'
import { createFlowSource, type FlowSource } from './flowSource.ts'
import { followFlow } from './followFlow.ts'
import { createNodeMethods } from './nodeMethods.ts'
import { keepPruned } from './prunedFiles.ts'
import { type PruneOptions, pruneExpired } from './pruneExpired.ts'
import { pruneShard } from './pruneShard.ts'
import { type ContentReader, contentOf, createLocalReader } from './readContent.ts'
import { openSegmentStore, type SegmentStore } from './segmentStore.ts'
import { openShardKeeper } from './shardConfig.ts'
import { wholeFlow } from './shardSegments.ts'
import type { Submission } from './submission.ts'
import { syncFiles } from './syncFiles.ts'

export type StorageNodeOptions = {
  env: Env
  /** The node's own folder on the disk; default: all of `env.disk`. */
  disk?: Disk
  /** One of `source`, `ledger`, `rpcUrl` says how the chain is reached. */
  rpcUrl?: string
  ledger?: Ledger
  source?: FlowSource
  flowAddress: Hex
  chainId: number
  /** No submission lies before it; default 0. */
  startBlock?: number
  /** Other nodes that keep whole files, to fetch missing ones from. */
  peerUrls?: readonly string[]
  /** Makes this node a gateway to coded storage: what it takes is spooled, coded and spread, and not kept here. */
  coded?: GatewayOptions
  /** Memory for segments that come before their submission; default 64 MiB. */
  earlyBytesMax?: number
  /** How often the chain is asked for news; default 50 ms: an upload cannot begin before. */
  pollMs?: number
  /** The part of the flow that it keeps; default: all of it. It may have halved this by itself. */
  shard?: ShardConfigJson
  /** Bytes of segments that it keeps at most: at nine tenths of it its part is halved. Default: as the disk allows. */
  storedBytesMax?: number
  prune?: PruneOptions
  /** What `admin_shutdown` does; without it the method is refused. */
  onShutdown?(): void
}

export type StorageNode = {
  methods: RpcMethods
  content: ContentSource
  flow: FlowLog
  shard(): ShardConfigJson
  /** False once the node's flow root has differed from the chain's. */
  agreesWithChain(): boolean
  close(): Promise<void>
}

/** Opens a node without a server of its own. @throws {LogCorruptError} when its data is damaged @throws {ShardInvalidError} */
export async function openStorageNode(options: StorageNodeOptions): Promise<StorageNode> {
  const { env, disk = env.disk, peerUrls = [], earlyBytesMax = 64 * 1024 * 1024, startBlock = 0, coded } = options
  const log = env.log.child('storage')
  const source = options.source ?? createFlowSource(options.ledger ?? ledgerOf(options), options.flowAddress)
  await refuseUnfinished(disk)
  const keyValue = await openKeyValue(disk, indexFolder, { log })
  const shard = await openShardKeeper(keyValue, options.shard ?? wholeFlow)
  const pruned = keepPruned(keyValue)
  const metrics = countSegments(env)
  const segments = await openSegmentStore(disk, log, {
    onStored: metrics.onStored,
    onLost(fileKey) {
      metrics.onLost()
      const submission = allOf(flow).find((candidate) => candidate.fileKey === fileKey)
      if (submission) sync.start(submission.seq)
    },
  })
  const flow = await openFlowLog(keyValue)
  const stop = new AbortController()
  const world = { ...env, log }
  const spool = createLocalReader(segments)
  const gateway = coded && openGateway({ env, log, flow, segments, spool, coded, pruned }, stop.signal)
  const parts: AcceptParts = {
    ...{ flow, segments, pruned, shard: shard.get },
    early: createEarlySegments(env.clock, earlyBytesMax),
    final: exceptPruned(gateway?.final ?? keptFiles(segments, shard.get), pruned),
    ...(gateway && { onComplete: gateway.onComplete }),
  }
  const reader = gateway?.reader ?? spool
  // A gateway keeps no files, so it copies none from others.
  const sync = syncFiles({ ...parts, env: world, peerUrls: coded ? [] : peerUrls }, stop.signal)
  sync.watch(allOf(flow))
  const onSubmissions = async (fresh: readonly Submission[]): Promise<void> => {
    metrics.onSubmissions(fresh.length)
    for (const submission of fresh) await acceptEarlySegments(parts, submission)
    sync.watch(fresh)
  }
  const follower = followFlow({ env: world, flow, source, startBlock, onSubmissions }, stop.signal)
  const isSynced = () => follower.agrees() && flow.headBlock() >= 0
  const release = gateway?.releaseExpired ?? (({ fileKey }: Submission) => releaseKept(segments, fileKey))
  const expiring = pruneExpired(
    { env: world, flow, source, pruned, isSynced, release },
    options.prune ?? {},
    stop.signal,
  )
  const { storedBytesMax, prune: { checkMs = 60_000 } = {} } = options
  const sharding = pruneShard({ env: world, flow, segments, pruned, shard, storedBytesMax, checkMs }, stop.signal)
  const status = createStatus(options, flow, source, () => sync.reachable().length)
  const { onShutdown } = options
  const copy = async (target: Disk, copying: Copying): Promise<void> => {
    await copyKeyValue(keyValue, target, indexFolder)
    await copySegments(segments.records, flow, target, copying)
  }
  const { storedBytes } = segments
  const snapshots = keepSnapshots({ env: world, disk, flow, storedBytes, copy }, stop.signal)
  const admin = createAdminMethods({ sync, peerUrls, metricsText: () => env.metrics.render(), onShutdown })
  return {
    methods: {
      ...createNodeMethods({ ...parts, reader, status }),
      ...admin,
      ...createMinerSlot().methods,
      ...snapshots.methods,
    },
    content: createContent(parts, reader),
    ...{ flow, shard: shard.get },
    agreesWithChain: () => follower.agrees(),
    async close() {
      stop.abort()
      await Promise.all([follower.ended, sync.ended, gateway?.ended, expiring, sharding, snapshots.ended()])
      await segments.close()
      await keyValue.close()
    },
  }
}

async function releaseKept(segments: SegmentStore, fileKey: string): Promise<void> {
  if (segments.count(fileKey) > 0) await segments.release(fileKey)
}

const indexFolder = 'index'

function countSegments({ metrics }: Pick<Env, 'metrics'>) {
  const stored = metrics.counter('weightless_storage_segments_stored_total', 'Segments made durable')
  const bytesStored = metrics.counter('weightless_storage_bytes_stored_total', 'Bytes of segments made durable')
  const lost = metrics.counter('weightless_storage_segments_lost_total', 'Segments found damaged on disk')
  const submissions = metrics.counter('weightless_storage_submissions_seen_total', 'Submissions taken from the flow')
  return {
    onStored(count: number, bytes: number) {
      stored.add(count)
      bytesStored.add(bytes)
    },
    onLost: () => lost.add(),
    onSubmissions: (count: number) => submissions.add(count),
  }
}

const allOf = (flow: FlowLog) => Array.from({ length: flow.count() }, (_, seq) => flow.get(seq)!)

function ledgerOf({ env, rpcUrl, pollMs = 50 }: StorageNodeOptions): Ledger {
  return createLedger({ env, rpcUrl: rpcUrl ?? 'http://127.0.0.1:8545', pollMs })
}

function createContent(parts: AcceptParts, reader: ContentReader): ContentSource {
  const { flow, final } = parts
  return {
    async find(key, signal) {
      const known = typeof key === 'number' ? flow.get(key) : flow.byRoot(key)[0]
      if (known) await final.look(known.root)
      const submission = typeof key === 'number' ? known : pickByRoot(parts, key)
      const content = submission && contentOf(submission)
      if (!content) return undefined
      const info = describeFile(parts, submission)
      return {
        // Final for a shard is not the whole file.
        info: { ...info, finalized: info.finalized && parts.shard().numShard === 1 },
        open: (from, to) => reader.stream(content, from, to, signal),
        frame: async (index) => (info.pruned ? undefined : reader.frame(content, index, signal)),
      }
    },
    async accept(root, frame, txSeq) {
      const acceptance = acceptSegment(parts, root, frame, txSeq)
      return 'stored' in acceptance
        ? acceptance.stored
        : (acceptance.earlier ?? Promise.resolve()).then(() => acceptance.fault)
    },
  }
}
