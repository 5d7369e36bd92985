/**
 * A holder of coded storage: follows the flow, takes fragments of what was submitted, checks each alone, keeps them durably,
 * serves them, signs placements, announces itself and repairs what is lost. Spec: storage §10 to §13.
 */
import { bytesToHex, type Hex } from '@weightless/codec'
import { ed25519PublicKey } from '@weightless/crypto'
import type { Disk, Env, HttpHandler, Log } from '@weightless/env'
import { createLedger } from '@weightless/ledger'
import { openKeyValue } from '@weightless/store'
import { bodyBufferBytes, createStorageHandler } from '../http/storageHandler.ts'
import { createMinerSlot, type MinerSlot } from '../mining/minerMethods.ts'
import { type SealableFragments, sealAtRest } from '../mining/sealAtRest.ts'
import { createBufferRoom } from '../node/bufferRoom.ts'
import { createByteBudget } from '../node/byteBudget.ts'
import { createStatus } from '../node/describeStatus.ts'
import { type FlowLog, openFlowLog } from '../node/flowLog.ts'
import { createFlowSource, type FlowSource } from '../node/flowSource.ts'
import { type FlowFollower, followFlow } from '../node/followFlow.ts'
import { keepPruned } from '../node/prunedFiles.ts'
import type { Submission } from '../node/submission.ts'
import { createPeerMethods } from '../peers/peerMethods.ts'
import { keepSnapshots } from '../snapshot/keepSnapshots.ts'
import { refuseUnfinished } from '../snapshot/snapshotMark.ts'
import {
  type FragmentName,
  fragmentFrameBytesMax,
  type NodeRecord,
  type SignedPlacement,
  signShown,
} from '../wire/index.ts'
import { type AnnounceParts, announceNode, createRecord } from './announceNode.ts'
import { watchSubmissions } from './awaitSubmission.ts'
import { copyHolder, flowFolder } from './copyHolder.ts'
import { openFragmentStore } from './fragmentStore.ts'
import { createHolderAdmin } from './holderAdmin.ts'
import type { HolderOptions } from './holderOptions.ts'
import { createHolderHandler } from './holderRoutes.ts'
import { keepPlacements, type PlacementKeeper } from './keepPlacements.ts'
import { type KnownNodes, watchKnownNodes } from './knownNodes.ts'
import { createNodeStatus } from './nodeStatus.ts'
import type { Repair } from './repair/repairFiles.ts'
import { startUpkeep, type Upkeep } from './repair/startUpkeep.ts'
import { openShardView } from './shardView.ts'
import { startPruning } from './startPruning.ts'

/** The network's nodes take bodies up to it; bodies of fragments are shorter. */
export const fragmentsBodyMax = 100 * 1024 * 1024

export type Holder = {
  nodeId: Hex
  handler: HttpHandler
  flow: FlowLog
  fragments: SealableFragments
  placements: PlacementKeeper
  nodes: KnownNodes
  repair: Repair
  record(): Promise<NodeRecord>
  /** Where a miner that begins beside this node offers itself to `miner_*`. */
  miner: Pick<MinerSlot, 'offer'>
  /** False once the node's flow root has differed from the chain's. */
  agreesWithChain(): boolean
  close(): Promise<void>
}

/** Opens a holder without a server of its own. @throws {LogCorruptError} when its index is damaged */
export async function openHolder(options: HolderOptions): Promise<Holder> {
  const { env, disk = env.disk, secretKey, chainId, indexerUrls } = options
  const log = env.log.child('holder')
  const nodeId = bytesToHex(ed25519PublicKey(secretKey))
  const stop = new AbortController()
  await refuseUnfinished(disk)
  const keyValue = await openKeyValue(disk, flowFolder, { log })
  const flow = await openFlowLog(keyValue)
  let upkeep: Upkeep | undefined
  const counted = countFragments(env, (fileKey) => upkeep?.missed(fileKey))
  const stored = await openFragmentStore({ clock: env.clock, disk, log }, counted)
  const fragments = sealAtRest(stored, env.tasks)
  const pruned = keepPruned(keyValue)
  const submissions = watchSubmissions(env.clock, flow, pruned, options.submissionWaitMs ?? 10_000)
  const onPlaced = (placement: SignedPlacement): void => {
    upkeep?.repair.check(placement)
    options.onPlaced?.(placement)
  }
  const announce = announceParts(options, { log, disk, nodeId })
  const record = createRecord(announce)
  const nodes = watchKnownNodes({ ...announce, peers: options.peers ?? [] }, stop.signal)
  const placements = keepPlacements({ env, nodes, nodeId, secretKey, chainId, fragments, submissions, onPlaced })
  const announced = announceNode(announce, record, stop.signal)
  const source = sourceOf(options)
  const status = createStatus(options, flow, source, () => nodes.live().length)
  const view = await openShardView({
    ...{ env: { clock: env.clock, disk, log }, flow, fragments, pruned, shard: options.shard, status },
  })
  const onSubmissions = (fresh: readonly Submission[]): Promise<void> => {
    submissions.notify()
    return view.onSubmissions(fresh)
  }
  const follower = follow(options, flow, source, onSubmissions, stop.signal)
  const isSynced = () => follower.agrees() && flow.headBlock() >= 0
  upkeep = startUpkeep(
    {
      ...{ env: { ...env, log }, nodeId, fragments, placements, submissions, nodes, indexerUrls, isSynced },
      openTtlMs: options.openTtlMs ?? 24 * 3_600_000,
    },
    options.repair,
    stop.signal,
  )
  const { uploads } = view
  const pruning = await startPruning(
    { ...options, env: { ...env, log }, keyValue, flow, source, pruned, isSynced, fragments, placements, uploads },
    stop.signal,
  )
  const budget = createByteBudget(options.inFlightBytesMax ?? 48 * 1024 * 1024)
  const { repair, doubt } = upkeep
  const routes = {
    ...{ clock: env.clock, fragments, submissions, placements, record, doubt },
    room: createBufferRoom(budget, fragmentFrameBytesMax),
    ...{ takenMs: options.takenMs ?? 60_000, takeOver: repair.takeOver, sign: signerOf(options) },
    status: createNodeStatus(nodeId, options),
  }
  const { onShutdown, url } = options
  const admin = createHolderAdmin({ env, nodeId, url, flow, fragments, placements, nodes, repair, onShutdown })
  const miner = createMinerSlot()
  const kept = copyHolder({ keyValue, flow, uploads, fragments })
  const snapshots = keepSnapshots({ env: { ...env, log }, disk, ...kept }, stop.signal)
  const own = { ...view.methods, ...admin, ...miner.methods, ...snapshots.methods }
  const methods = { ...own, ...createPeerMethods(env.clock, () => options.network?.(), own) }
  const next = createStorageHandler({
    methods,
    content: view.content,
    routes: [],
    room: createBufferRoom(budget, bodyBufferBytes),
    log,
  })
  return {
    ...{ nodeId, flow, fragments, placements, nodes, repair, record, miner },
    handler: createHolderHandler(routes, next),
    agreesWithChain: () => follower.agrees(),
    async close() {
      stop.abort()
      await Promise.all([follower.ended, nodes.ended, announced, upkeep?.ended, pruning.ended, snapshots.ended()])
      await fragments.close()
      await view.close()
      await keyValue.close()
    },
  }
}

function announceParts(
  options: HolderOptions,
  { log, disk, nodeId }: { log: Log; disk: Disk; nodeId: Hex },
): AnnounceParts {
  const { env, secretKey, chainId, flowAddress, url, shard, addresses = () => [], indexerUrls } = options
  return {
    ...{ env: { ...env, log }, disk, secretKey, nodeId, chainId, flowAddress, url, addresses, indexerUrls },
    shard: () => shard,
    pollMs: options.announceMs ?? 5_000,
  }
}

const signerOf =
  ({ chainId, secretKey }: HolderOptions) =>
  (name: Omit<FragmentName, 'chainId'>, frame: Uint8Array): Hex =>
    signShown({ ...name, chainId }, frame, secretKey)

function sourceOf({ env, source, ledger, rpcUrl = 'http://127.0.0.1:8545', pollMs = 50, ...rest }: HolderOptions) {
  return source ?? createFlowSource(ledger ?? createLedger({ env, rpcUrl, pollMs }), rest.flowAddress)
}

function follow(
  { env, startBlock = 0 }: HolderOptions,
  flow: FlowLog,
  source: FlowSource,
  take: (fresh: readonly Submission[]) => Promise<void>,
  signal: AbortSignal,
): FlowFollower {
  const seen = env.metrics.counter('weightless_storage_submissions_seen_total', 'Submissions taken from the flow')
  const onSubmissions = (fresh: readonly Submission[]): Promise<void> => {
    seen.add(fresh.length)
    return take(fresh)
  }
  return followFlow({ env, flow, source, startBlock, onSubmissions }, signal)
}

function countFragments({ metrics }: Env, onLost: (fileKey: string, stripe: number) => void) {
  const stored = metrics.counter('weightless_storage_fragments_stored_total', 'Fragments made durable')
  const storedBytes = metrics.counter(
    'weightless_storage_fragment_bytes_stored_total',
    'Bytes of fragments made durable',
  )
  const lost = metrics.counter('weightless_storage_fragments_lost_total', 'Fragments found damaged on disk')
  return {
    onStored(count: number, bytes: number) {
      stored.add(count)
      storedBytes.add(bytes)
    },
    onLost(fileKey: string, stripe: number) {
      lost.add()
      onLost(fileKey, stripe)
    },
  }
}
