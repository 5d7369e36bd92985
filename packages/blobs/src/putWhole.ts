/** Uploads to a node that keeps whole files, where the network has no coded storage. Spec: storage §9. */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import { type FileTree, segmentBytes, segmentDataBytes, segmentProof } from '@weightless/crypto'
import { NetworkError } from '@weightless/env'
import {
  alreadyFinalized,
  alreadyUploaded,
  encodeSegmentFrame,
  type FileInfoJson,
  segmentFrameType,
} from '@weightless/storage/wire'
import type { BlobSource } from './blobSource.ts'
import { callNode, joinUrl } from './callNode.ts'
import type { TransferParts } from './network/transferParts.ts'
import { runParallel } from './runParallel.ts'
import type { ProgressTracker } from './trackProgress.ts'

type PutParts = Pick<TransferParts, 'network' | 'clock' | 'timeoutMs' | 'stallMs'>

const parallelMax = 8
const triesMax = 5
const pollMs = 100
const firstNodeGraceMs = 2_000

/** Sends what is missing to a node that takes whole files, and waits until it is final there. */
export async function sendWhole(
  parts: PutParts,
  { source, file, txSeq }: { source: BlobSource; file: FileTree; txSeq: number },
  nodeUrls: readonly string[],
  progress: ProgressTracker,
  signal: AbortSignal | undefined,
): Promise<void> {
  const root = bytesToHex(file.root)
  progress.enter('waiting', 0)
  const { nodeUrl, info } = await waitUntilSeen(parts, nodeUrls, txSeq, signal)
  await sendSegments(parts, { nodeUrl, info, file, source, root }, progress, signal)
  progress.enter('finalizing', 0)
  await waitUntilFinal(parts, nodeUrl, txSeq, root, signal)
}

/** The node to send to: the one that has most of the file already, else the first, else whichever has seen the submission. */
async function waitUntilSeen(
  parts: PutParts,
  nodeUrls: readonly string[],
  txSeq: number,
  signal: AbortSignal | undefined,
): Promise<{ nodeUrl: string; info: FileInfoJson }> {
  const graceEndMs = parts.clock.monotonicMs() + firstNodeGraceMs
  return poll(parts, 'the storage nodes have not seen the submission', signal, async () => {
    const infos = await Promise.all(nodeUrls.map((nodeUrl) => readInfo(parts, nodeUrl, txSeq, signal)))
    const seen = infos.flatMap((info, i) => (info ? [{ nodeUrl: nodeUrls[i]!, info }] : []))
    const best = seen.reduce((a, b) => (b.info.uploadedSegNum > a.info.uploadedSegNum ? b : a), seen[0]!)
    if (!best || best.info.uploadedSegNum > 0 || best.nodeUrl === nodeUrls[0]) return best
    // An upload that is broken off and taken up again should find the same node.
    return parts.clock.monotonicMs() > graceEndMs ? best : undefined
  })
}

async function waitUntilFinal(
  parts: PutParts,
  nodeUrl: string,
  txSeq: number,
  root: Hex,
  signal?: AbortSignal,
): Promise<void> {
  await poll(parts, `the storage node has not made ${root} final`, signal, async () =>
    (await readInfo(parts, nodeUrl, txSeq, signal))?.finalized ? true : undefined,
  )
}

async function readInfo({ network, timeoutMs }: PutParts, nodeUrl: string, txSeq: number, signal?: AbortSignal) {
  const options = { timeoutMs, ...(signal ? { signal } : {}) }
  return callNode<FileInfoJson | null>(network, nodeUrl, 'zgs_getFileInfoByTxSeq', [txSeq], options).catch((fault) => {
    if (fault instanceof NetworkError && !signal?.aborted) return null
    throw fault
  })
}

async function poll<Value>(
  { clock, stallMs }: PutParts,
  what: string,
  signal: AbortSignal | undefined,
  look: () => Promise<Value | undefined>,
): Promise<Value> {
  const endMs = clock.monotonicMs() + stallMs
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (clock.monotonicMs() > endMs) throw new BlobStalledError({ what, stallMs })
    await clock.sleep(pollMs, signal)
  }
}

type Sending = { nodeUrl: string; info: FileInfoJson; file: FileTree; source: BlobSource; root: Hex }

async function sendSegments(
  parts: PutParts,
  sending: Sending,
  progress: ProgressTracker,
  signal?: AbortSignal,
): Promise<void> {
  const { info, file, source } = sending
  const first = info.finalized ? file.shape.segments : info.uploadedSegNum
  const indices = Array.from({ length: file.shape.segments - first }, (_, i) => first + i)
  progress.enter('uploading', source.sizeBytes, Math.min(source.sizeBytes, first * segmentBytes))
  await runParallel(indices, parallelMax, async (index) => {
    const bytes = await sendSegment(parts, sending, index, signal)
    progress.add(bytes)
  })
}

async function sendSegment(parts: PutParts, sending: Sending, index: number, signal?: AbortSignal): Promise<number> {
  const { network, clock, timeoutMs } = parts
  const { nodeUrl, info, file, source, root } = sending
  const offset = index * segmentBytes
  const length = Math.min(segmentBytes, source.sizeBytes - offset)
  const data = new Uint8Array(segmentDataBytes(file.shape, index))
  data.set(await source.read(offset, length))
  const body = encodeSegmentFrame({ sizeBytes: source.sizeBytes, index, proof: segmentProof(file, index), data })
  const url = joinUrl(nodeUrl, `/segment/${root}/${index}?txSeq=${info.tx.seq}`)
  const headers = { 'content-type': segmentFrameType }
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await network.fetch(url, {
        method: 'PUT',
        headers,
        body,
        timeoutMs,
        ...(signal ? { signal } : {}),
      })
      const answer = await response.text(4096)
      if (response.status === 204) return length
      if (answer.includes(alreadyFinalized) || answer.includes(alreadyUploaded)) return length
      throw new SegmentRefusedError({ url, status: response.status, answer: answer.slice(0, 300) })
    } catch (fault) {
      if (!(fault instanceof NetworkError) || attempt >= triesMax || signal?.aborted) throw fault
    }
    await clock.sleep(200 * 2 ** attempt, signal)
  }
}

export class BlobStalledError extends WeightlessError {
  constructor(facts: { what: string; stallMs: number }) {
    super('blobs/blob-stalled', 'An upload made no progress.', facts, {
      hint: 'Try again: what was paid and sent is not paid or sent again.',
    })
  }
}

export class SegmentRefusedError extends WeightlessError {
  constructor(facts: { url: string; status: number; answer: string }) {
    const hint = /disk is full/i.test(facts.answer)
      ? 'Free space where the storage node keeps its data, then upload the file again: it is not paid twice.'
      : 'Upload the file again: it is not paid twice.'
    super('blobs/segment-refused', 'A storage node refused a segment.', facts, { hint })
  }
}
