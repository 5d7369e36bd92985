/** The `admin_*` methods of a holder: what repair and its neighbours look like from outside. Spec: storage §6.2. */
import { segmentSectors } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import type { RpcAnswer, RpcMethods } from '../http/jsonRpcServer.ts'
import { readCount } from '../http/readParams.ts'
import { guardOrigin, readMetrics } from '../node/adminMethods.ts'
import type { FlowLog } from '../node/flowLog.ts'
import { wholeFlow } from '../node/shardSegments.ts'
import type { Submission } from '../node/submission.ts'
import { callFailed, internalError, invalidParams } from '../wire/index.ts'
import type { FragmentStore } from './fragmentStore.ts'
import type { PlacementKeeper } from './keepPlacements.ts'
import type { KnownNodes } from './knownNodes.ts'
import type { Repair } from './repair/repairFiles.ts'

export type HolderAdminParts = {
  env: Pick<Env, 'metrics'>
  nodeId: string
  url(): string
  flow: FlowLog
  fragments: FragmentStore
  placements: PlacementKeeper
  nodes: KnownNodes
  repair: Repair
  /** Ends the process that the node runs in; undefined where it may not be ended from outside. */
  onShutdown?: (() => void) | undefined
}

export function createHolderAdmin(parts: HolderAdminParts): RpcMethods {
  return guardOrigin({ ...syncMethods(parts), ...networkMethods(parts) })
}

function syncMethods({ flow, fragments, placements, repair }: HolderAdminParts): RpcMethods {
  const placementOf = ({ root, sizeBytes }: Submission) => placements.get(root, sizeBytes)
  const start = ([seq]: readonly unknown[]): RpcAnswer =>
    withSubmission(flow, seq, (submission) => {
      const placement = placementOf(submission)
      if (!placement) return { fault: internalError('no placement of this file is known here') }
      repair.check(placement)
      return { result: null }
    })
  const state = (submission: Submission): string => {
    const file = fragments.file(submission.fileKey)
    if (file && submission.shape && fragments.isWhole(file, submission.shape)) return 'Completed'
    return placementOf(submission) ? 'Downloading' : 'Idle'
  }
  return {
    admin_findFile: start,
    admin_startSyncFile: start,
    admin_startSyncChunks: start,
    admin_terminateSync: ([seq]) => withSubmission(flow, seq, () => ({ result: false })),
    admin_getSyncStatus: ([seq]) => {
      const submission = flow.get(readCount(seq) ?? -1)
      return { result: submission ? state(submission) : 'unknown' }
    },
    admin_getSyncInfo: ([seq]) => ({ result: describeRepairs({ flow, fragments, repair }, readCount(seq)) }),
    admin_getSyncServiceState: () => {
      const { waiting } = repair.stats()
      return { result: { numSyncing: waiting, catchedUp: waiting === 0 } }
    },
  }
}

function networkMethods({ env, nodeId, url, flow, placements, nodes, onShutdown }: HolderAdminParts): RpcMethods {
  const peerOf = (node: ReturnType<KnownNodes['live']>[number]) => ({
    client: { version: '', os: '', protocol: 'http', agent: 'weightless' },
    connectionStatus: { status: 'connected', connectionsIn: 0, connectionsOut: 1, lastSeenSecs: 0 },
    listeningAddresses: [node.url, ...node.addresses],
    ...{ seenIps: [], isTrusted: false, connectionDirection: 'Outgoing', enr: '' },
  })
  return {
    admin_shutdown: () => {
      if (!onShutdown) return { fault: callFailed('this node is not to be ended from outside') }
      onShutdown()
      return { result: null }
    },
    admin_getNetworkInfo: () => {
      const { length } = nodes.live()
      const counts = { totalPeers: length, bannedPeers: 0, disconnectedPeers: 0, connectedPeers: length }
      const ways = { connectedOutgoingPeers: length, connectedIncomingPeers: 0 }
      return { result: { peerId: nodeId, listenAddresses: [url()], ...counts, ...ways } }
    },
    admin_getPeers: () => ({ result: Object.fromEntries(nodes.live().map((node) => [node.nodeId, peerOf(node)])) }),
    admin_getFileLocation: ([seq, allShards]) =>
      withSubmission(flow, seq, ({ root, sizeBytes }) => {
        const placement = placements.get(root, sizeBytes)
        const found = (placement?.holders ?? []).flatMap((holder) => nodes.find(holder) ?? [])
        // Any k rows are the whole file.
        const least = allShards === true ? (placement?.dataRows ?? 1) : 1
        const list = found.map((node) => ({ ip: node.url, shardConfig: node.shard ?? wholeFlow }))
        return { result: list.length < least ? null : list }
      }),
    admin_getMetrics: async ([prefix]) => ({ result: readMetrics(await env.metrics.render(), String(prefix ?? '')) }),
  }
}

/** Rows under repair, in the shape of files under way; chunks are sectors. */
function describeRepairs(
  { flow, fragments, repair }: Pick<HolderAdminParts, 'flow' | 'fragments' | 'repair'>,
  wanted: number | undefined,
) {
  const entries = repair.list(1_000).flatMap(({ root, sizeBytes, ageMs, attempts }) => {
    const submission = flow.byRoot(root).find((one) => one.shape && one.sizeBytes === sizeBytes)
    if (!submission?.shape || (wanted !== undefined && wanted !== submission.seq)) return []
    const numChunks = submission.shape.sectors
    const stripes = fragments.records.contiguous(submission.fileKey)
    const nextChunks = stripes * (fragments.file(submission.fileKey)?.dataRows ?? 0) * segmentSectors
    const info = {
      ...{ elapsedSecs: Math.floor(ageMs / 1_000), peers: {}, goal: { numChunks, indexStart: 0, indexEnd: numChunks } },
      ...{ nextChunks: Math.min(numChunks, nextChunks), state: attempts === 0 ? 'Downloading' : 'FindingPeers' },
    }
    return [[String(submission.seq), info] as const]
  })
  return Object.fromEntries(entries)
}

function withSubmission(flow: FlowLog, seq: unknown, run: (submission: Submission) => RpcAnswer): RpcAnswer {
  const txSeq = readCount(seq)
  if (txSeq === undefined) return { fault: invalidParams('tx_seq', 'expected an unsigned integer') }
  const submission = flow.get(txSeq)
  return submission ? run(submission) : { fault: internalError('unknown transaction') }
}
