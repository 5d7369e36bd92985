/**
 * Fetches files that this node lacks from peers that hold them in full, every segment proved; tries again ever more
 * rarely where nobody has them. This is plain replication. Spec: storage §10.
 */
import { callNode, fetchSegment } from '@weightless/blobs'
import { segmentSectors } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import { readCount } from '../http/readParams.ts'
import { type FileInfoJson, type ShardConfigJson, segmentFrameParts } from '../wire/index.ts'
import type { AcceptParts } from './acceptSegment.ts'
import { type Content, contentOf } from './readContent.ts'
import { isComplete, isOfShard } from './shardSegments.ts'
import type { Submission } from './submission.ts'

export type SyncParts = AcceptParts & {
  env: Pick<Env, 'clock' | 'network' | 'log'>
  /** May grow while the node runs. */
  peerUrls: readonly string[]
}

export type FileSync = {
  /** Takes note of submissions whose files may be missing. */
  watch(submissions: readonly Submission[]): void
  /** Looks for a file now; false for an unknown submission. */
  start(txSeq: number): boolean
  stop(txSeq: number): boolean
  /** The network's words for the state of one file. */
  state(txSeq: number): string
  /** Of all files under way, a thousand at most, or of one. */
  info(txSeq?: number): { [txSeq: string]: SyncInfoJson }
  running(): number
  /** URLs of peers that answered last time. */
  reachable(): string[]
  /** Peers that hold their shard of a file in full. */
  locate(txSeq: number): Promise<HoldingPeer[]>
  ended: Promise<void>
}

type HoldingPeer = { url: string; shard: ShardConfigJson }

/** Chunks are sectors. */
type SyncInfoJson = {
  elapsedSecs: number
  peers: { Connected: number }
  goal: { numChunks: number; indexStart: number; indexEnd: number }
  nextChunks: number
  state: string
}

type Job = {
  sinceMs: number
  dueMs: number
  attempt: number
  state: 'Idle' | 'FindingPeers' | 'Downloading' | 'Failed'
}

/** The uploader comes first; peers are asked when it has had this long. */
const graceMs = 1_000
const pauseMs = 250
const pauseMsMax = 30_000
const filesAtOnce = 4
const segmentsAtOnce = 4

export function syncFiles(parts: SyncParts, signal: AbortSignal): FileSync {
  const { env, flow } = parts
  const jobs = new Map<number, Job>()
  const answering = new Set<string>()

  function enqueue(txSeq: number, waitMs: number): void {
    const nowMs = env.clock.monotonicMs()
    if (!jobs.has(txSeq)) jobs.set(txSeq, { sinceMs: nowMs, dueMs: nowMs + waitMs, attempt: 0, state: 'Idle' })
    else jobs.get(txSeq)!.dueMs = nowMs + waitMs
  }

  const locate = (txSeq: number) => findHolders(parts, txSeq, answering, signal)
  return {
    watch(submissions) {
      for (const submission of submissions) {
        if (isWanted(parts, submission)) enqueue(submission.seq, graceMs)
      }
    },
    start(txSeq) {
      if (!flow.get(txSeq)) return false
      enqueue(txSeq, 0)
      return true
    },
    stop: (txSeq) => jobs.delete(txSeq),
    state(txSeq) {
      const submission = flow.get(txSeq)
      if (!submission) return 'unknown'
      return isComplete(parts.segments, submission, parts.shard()) ? 'Completed' : (jobs.get(txSeq)?.state ?? 'Idle')
    },
    info(txSeq) {
      const entries = [...jobs].filter(([seq]) => txSeq === undefined || seq === txSeq).slice(0, 1_000)
      return Object.fromEntries(entries.map(([seq, job]) => [seq, describeJob(parts, seq, job, answering.size)]))
    },
    running: () => jobs.size,
    reachable: () => [...answering],
    locate,
    ended: run(parts, jobs, locate, signal),
  }
}

async function run(
  parts: SyncParts,
  jobs: Map<number, Job>,
  locate: (txSeq: number) => Promise<HoldingPeer[]>,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = parts.env
  while (!signal.aborted) {
    // A node without peers keeps no list: it would only grow.
    if (parts.peerUrls.length === 0) jobs.clear()
    const due = [...jobs].filter(([, job]) => job.dueMs <= clock.monotonicMs()).slice(0, filesAtOnce)
    await Promise.all(
      due.map(async ([txSeq, job]) => {
        const done = await attempt(parts, txSeq, job, locate, signal)
        if (done) jobs.delete(txSeq)
        job.attempt++
        job.dueMs = clock.monotonicMs() + Math.min(pauseMsMax, pauseMs * 2 ** Math.min(job.attempt, 10))
      }),
    )
    await clock.sleep(pauseMs, signal).catch(() => undefined)
  }
}

async function attempt(
  parts: SyncParts,
  txSeq: number,
  job: Job,
  locate: (txSeq: number) => Promise<HoldingPeer[]>,
  signal: AbortSignal,
): Promise<boolean> {
  const submission = parts.flow.get(txSeq)
  const content = submission && contentOf(submission)
  if (!content || !isWanted(parts, submission)) return true
  job.state = 'FindingPeers'
  for (const peer of await locate(txSeq)) {
    const { url: nodeUrl } = peer
    job.state = 'Downloading'
    try {
      await fetchFile(parts, submission, content, peer, signal)
      if (isComplete(parts.segments, submission, parts.shard())) {
        parts.env.log.info('file synced', { root: content.root, txSeq, from: nodeUrl })
        return true
      }
    } catch (fault) {
      if (signal.aborted) return false
      job.state = 'Failed'
      const reason = fault instanceof Error ? fault.message : String(fault)
      parts.env.log.warn('file sync failed', { root: content.root, txSeq, from: nodeUrl, reason })
    }
  }
  return false
}

/** Whether something of a file is missing here that belongs here. */
function isWanted({ segments, pruned, shard }: SyncParts, submission: Submission): boolean {
  return submission.shape !== undefined && !pruned.has(submission) && !isComplete(segments, submission, shard())
}

function describeJob({ env, flow, segments }: SyncParts, seq: number, job: Job, peers: number): SyncInfoJson {
  const submission = flow.get(seq)
  const numChunks = submission?.shape?.sectors ?? 0
  return {
    elapsedSecs: Math.floor((env.clock.monotonicMs() - job.sinceMs) / 1_000),
    peers: { Connected: peers },
    goal: { numChunks, indexStart: 0, indexEnd: numChunks },
    nextChunks: submission ? Math.min(numChunks, segments.contiguous(submission.fileKey) * segmentSectors) : 0,
    state: job.state,
  }
}

/** What this node's shard and the peer's have in common. */
async function fetchFile(
  { env, segments, shard }: SyncParts,
  submission: Submission,
  { root, shape, fileKey }: Content,
  { url: nodeUrl, shard: theirs }: HoldingPeer,
  signal: AbortSignal,
): Promise<void> {
  let next = 0
  async function work(): Promise<void> {
    for (let index = next++; index < shape.segments; index = next++) {
      if (!isOfShard(shard(), submission, index) || !isOfShard(theirs, submission, index)) continue
      if (segments.has(fileKey, index) || segments.writing(fileKey, index)) continue
      const frame = await fetchSegment(env.network, nodeUrl, { root, shape, index }, { signal })
      if (segments.has(fileKey, index) || segments.writing(fileKey, index)) continue
      await segments.add(fileKey, index, segmentFrameParts(frame))
    }
  }
  await Promise.all(Array.from({ length: segmentsAtOnce }, work))
}

async function findHolders(
  { env, peerUrls }: SyncParts,
  txSeq: number,
  answering: Set<string>,
  signal: AbortSignal,
): Promise<HoldingPeer[]> {
  const answers = await Promise.all(
    peerUrls.map(async (url) => {
      try {
        const options = { signal, timeoutMs: 3_000 }
        const info = await callNode<FileInfoJson | null>(env.network, url, 'zgs_getFileInfoByTxSeq', [txSeq], options)
        answering.add(url)
        if (!info?.finalized) return undefined
        const told = await callNode<Partial<ShardConfigJson>>(env.network, url, 'zgs_getShardConfig', [], options)
        const [numShard, shardId] = [readCount(told.numShard), readCount(told.shardId)]
        return numShard && shardId !== undefined ? { url, shard: { numShard, shardId } } : undefined
      } catch {
        answering.delete(url)
        return undefined
      }
    }),
  )
  return answers.filter((peer) => peer !== undefined)
}
