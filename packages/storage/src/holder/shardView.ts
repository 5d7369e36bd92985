/**
 * A holder as the network's own clients see a sharded node: `zgs_*` over its data rows and over segments that were uploaded
 * to it by themselves, final as far as its own shard goes. Spec: storage §6.5.
 */
import type { Env } from '@weightless/env'
import type { ContentSource } from '../http/contentRoutes.ts'
import type { RpcMethods } from '../http/jsonRpcServer.ts'
import { type AcceptParts, acceptEarlySegments, pickByRoot } from '../node/acceptSegment.ts'
import { describeFile } from '../node/describeFile.ts'
import { createEarlySegments } from '../node/earlySegments.ts'
import { exceptPruned } from '../node/finalFiles.ts'
import type { FlowLog } from '../node/flowLog.ts'
import { createNodeMethods } from '../node/nodeMethods.ts'
import type { PrunedFiles } from '../node/prunedFiles.ts'
import { type ContentReader, contentOf, createLocalReader } from '../node/readContent.ts'
import { openSegmentStore, type SegmentStore } from '../node/segmentStore.ts'
import { isOfShard, wholeFlow } from '../node/shardSegments.ts'
import type { Submission } from '../node/submission.ts'
import { decodeFragmentFrame, encodeSegmentFrame, type ShardConfigJson, type StatusJson } from '../wire/index.ts'
import type { FragmentStore } from './fragmentStore.ts'

export type ShardViewParts = {
  env: Pick<Env, 'clock' | 'disk' | 'log'>
  flow: FlowLog
  fragments: FragmentStore
  pruned: Pick<PrunedFiles, 'has'>
  /** Null for a node that keeps parity rows alone: no file is final here. */
  shard: ShardConfigJson | null
  status(): Promise<StatusJson>
}

export type ShardView = {
  methods: RpcMethods
  content: ContentSource
  /** Segments that were uploaded by themselves. */
  uploads: SegmentStore
  onSubmissions(fresh: readonly Submission[]): Promise<void>
  close(): Promise<void>
}

const earlyBytesMax = 16 * 1024 * 1024

export async function openShardView(parts: ShardViewParts): Promise<ShardView> {
  const { env, flow, fragments, pruned, shard } = parts
  const events = { onStored: () => undefined, onLost: () => undefined }
  const uploads = await openSegmentStore(env.disk, env.log, events)
  const segments = joinStores(uploads, fragments)
  const reader = joinReaders(createLocalReader(uploads), fragments)
  const has = (submission: Submission) => shard !== null && isShardComplete(segments, fragments, shard, submission)
  const accepting: AcceptParts = {
    ...{ flow, segments, pruned, early: createEarlySegments(env.clock, earlyBytesMax) },
    final: exceptPruned({ look: () => Promise.resolve(), has }, pruned),
    shard: () => shard ?? wholeFlow,
  }
  return {
    methods: createNodeMethods({ ...accepting, reader, status: parts.status }),
    content: {
      find(key) {
        const submission = typeof key === 'number' ? flow.get(key) : pickByRoot(accepting, key)
        const content = submission && contentOf(submission)
        if (!content) return Promise.resolve(undefined)
        const info = describeFile(accepting, submission)
        // Final for a shard is not the whole file.
        const finalized = info.finalized && shard?.numShard === 1
        return Promise.resolve({
          info: { ...info, finalized },
          open: (from: number, to: number) => reader.stream(content, from, to),
          frame: async (index: number) => (info.pruned ? undefined : reader.frame(content, index)),
        })
      },
      accept: () => Promise.resolve({ code: -32000, message: 'segments are uploaded by JSON-RPC here' }),
    },
    uploads,
    async onSubmissions(fresh) {
      for (const submission of fresh) await acceptEarlySegments(accepting, submission)
    },
    close: () => uploads.close(),
  }
}

/** Vacuously so where the shard has no segment of the file: clients wait for every node that they were told of. */
function isShardComplete(
  segments: Pick<SegmentStore, 'has'>,
  fragments: FragmentStore,
  shard: ShardConfigJson,
  submission: Submission,
): boolean {
  const { shape, fileKey } = submission
  if (!shape) return false
  const file = fragments.file(fileKey)
  const isRow = file?.dataRows === shard.numShard && file.row < file.dataRows
  if (isRow && isOfShard(shard, submission, file.row) && fragments.isWhole(file, shape)) return true
  for (let index = 0; index < shape.segments; index++) {
    if (isOfShard(shard, submission, index) && !segments.has(fileKey, index)) return false
  }
  return true
}

function hasSegment(fragments: FragmentStore, fileKey: string, index: number): boolean {
  const file = fragments.file(fileKey)
  return (
    file !== undefined &&
    index % file.dataRows === file.row &&
    fragments.has(fileKey, Math.floor(index / file.dataRows))
  )
}

/** What was uploaded by itself is kept apart; what came as a fragment counts as uploaded. */
function joinStores(uploads: SegmentStore, fragments: FragmentStore): SegmentStore {
  return {
    ...uploads,
    has: (fileKey, index) => uploads.has(fileKey, index) || hasSegment(fragments, fileKey, index),
  }
}

function joinReaders(uploads: ContentReader, fragments: FragmentStore): ContentReader {
  return {
    ...uploads,
    async frame(content, index, signal) {
      const { fileKey, sizeBytes } = content
      if (!hasSegment(fragments, fileKey, index)) return uploads.frame(content, index, signal)
      const { dataRows } = fragments.file(fileKey)!
      const bytes = await fragments.read(fileKey, Math.floor(index / dataRows), sizeBytes)
      const frame = bytes && decodeFragmentFrame(bytes)
      if (!frame?.ok || !frame.value.segmentProof) return undefined
      return encodeSegmentFrame({ sizeBytes, index, proof: frame.value.segmentProof, data: frame.value.data })
    },
  }
}
