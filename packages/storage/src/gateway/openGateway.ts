/**
 * Makes a node that takes whole files the gateway to coded storage: its log is only a spool, a file is final when its
 * placement is signed by every holder, and reads go to the holders. Spec: storage §13.
 */
import { type Hex, WeightlessError } from '@weightless/codec'
import { segmentSectors } from '@weightless/crypto'
import type { Env, Log } from '@weightless/env'
import type { FinalFiles } from '../node/finalFiles.ts'
import type { FlowLog } from '../node/flowLog.ts'
import type { PrunedFiles } from '../node/prunedFiles.ts'
import { type ContentReader, contentOf } from '../node/readContent.ts'
import type { SegmentStore } from '../node/segmentStore.ts'
import { isComplete } from '../node/shardSegments.ts'
import type { Submission } from '../node/submission.ts'
import { defaultRedundancy, type NodeRecord, placementStage, type Redundancy } from '../wire/index.ts'
import type { CodingClient } from './coding.ts'
import { createGatherReader } from './gatherContent.ts'
import type { NetworkView } from './networkView.ts'
import { createPlacedFiles } from './placedFiles.ts'
import { createSpoolSource, readSpoolTree } from './spoolSource.ts'
import { startSpreading } from './spreadQueue.ts'

export type GatewayOptions = {
  view: NetworkView
  coding: CodingClient
  /** Default: what suits the number of nodes that are there. */
  redundancy?: Redundancy
  /** Fewer are waited for, `graceMs` long, so that a network that is coming up is not taken for a small one. */
  nodesExpected?: number
  graceMs?: number
}

export type GatewayParts = {
  env: Pick<Env, 'clock' | 'metrics'>
  log: Log
  flow: FlowLog
  segments: SegmentStore
  spool: ContentReader
  coded: GatewayOptions
  pruned: Pick<PrunedFiles, 'has'>
}

export type Gateway = {
  final: FinalFiles
  reader: ContentReader
  onComplete(submission: Submission): void
  /** Forgets a file that nobody pays for any more: its spool, and where it was. */
  releaseExpired(submission: Submission): Promise<void>
  ended: Promise<void>
}

export function openGateway(parts: GatewayParts, signal: AbortSignal): Gateway {
  const { env, log, flow, segments, spool, coded, pruned } = parts
  const { view, coding } = coded
  const placed = createPlacedFiles(view)
  const reader = createGatherReader({ spool, placed, view, coding }, env.clock)
  const spreadFiles = env.metrics.counter('weightless_storage_files_spread_total', 'Files coded and given to holders')
  const awaitNodes = createNodeGate(env, coded)

  async function spread(submission: Submission): Promise<void> {
    const content = contentOf(submission)
    if (!content || pruned.has(submission)) return
    placed.forget(submission.root)
    await placed.look(submission.root)
    if (!placed.has(submission)) {
      const nodes = await awaitNodes(signal)
      const wish = {
        source: createSpoolSource(spool, content),
        file: await readSpoolTree(spool, submission, content, signal),
        startSegment: Math.floor(submission.startSector / segmentSectors),
        redundancy: coded.redundancy ?? defaultRedundancy(nodes.length),
        nodes,
      }
      const placement = await coding.spread(wish, { signal, listNodes: view.nodes, publish: view.publish })
      const stage = placementStage(placement)
      if (stage !== 'final') throw new FileNotFinalError({ root: submission.root, stage })
      spreadFiles.add()
      placed.forget(submission.root)
      await placed.look(submission.root)
    }
    await segments.release(submission.fileKey)
  }

  const queue = startSpreading({ clock: env.clock, log }, spread, signal)
  for (let seq = 0; seq < flow.count(); seq++) {
    const submission = flow.get(seq)!
    if (isComplete(segments, submission)) queue.offer(submission)
  }
  return {
    ...{ final: placed, reader, onComplete: queue.offer, ended: queue.ended },
    async releaseExpired({ root, sizeBytes, fileKey }) {
      if (segments.count(fileKey) > 0) await segments.release(fileKey)
      await view.forget(root, sizeBytes)
      placed.forget(root)
    },
  }
}

/** Gives the nodes that files may go to; waits for as many as are expected, and without end for one. */
function createNodeGate(
  { clock }: Pick<Env, 'clock'>,
  { view, nodesExpected = 1, graceMs = 15_000 }: GatewayOptions,
): (signal: AbortSignal) => Promise<NodeRecord[]> {
  const openedMs = clock.monotonicMs()
  return async (signal) => {
    for (;;) {
      const nodes = await view.nodes()
      const isEnough = nodes.length >= nodesExpected || clock.monotonicMs() - openedMs > graceMs
      if (nodes.length > 0 && isEnough) return nodes
      await clock.sleep(100, signal)
    }
  }
}

export class FileNotFinalError extends WeightlessError {
  constructor(facts: { root: Hex; stage: string }) {
    super('storage/file-not-final', 'Not every holder of a file has signed for its row yet.', facts)
  }
}
