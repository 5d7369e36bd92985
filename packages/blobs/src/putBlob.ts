/**
 * Stores a blob: hash, ask, pay once, send what is missing, wait until it is final. After a failure the same call goes
 * on where it stopped. Spec: storage §9.
 */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import { createFileHasher, type FileTree, segmentBytes, segmentDataBytes, segmentProof } from '@weightless/crypto'
import { AbortedError, type Clock, type Network, NetworkError } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import {
  alreadyFinalized,
  alreadyUploaded,
  encodeSegmentFrame,
  type FileInfoJson,
  segmentFrameType,
} from '@weightless/storage/wire'
import { type BlobSource, piecesOf } from './blobSource.ts'
import { callNode, joinUrl } from './callNode.ts'
import { askFileInfo, findStorageNodes } from './findNodes.ts'
import { payOnce } from './payForBlob.ts'
import { runParallel } from './runParallel.ts'
import type { ProgressTracker } from './trackProgress.ts'

export type PutParts = {
  network: Network
  clock: Clock
  indexerUrl: string
  ledger: Ledger | undefined
  /** Found by asking a node where it is not given. */
  flowAddress: Hex | undefined
  timeoutMs: number
  /** Without any progress for so long the upload fails. */
  stallMs: number
}

export type PutBlob = {
  root: Hex
  txSeq: number
  /** Undefined when an earlier submission of this root served. */
  txHash: Hex | undefined
  sizeBytes: number
  feeWei: bigint
}

const parallelMax = 8
const triesMax = 5
const pollMs = 100
const firstNodeGraceMs = 2_000

export async function putBlob(
  parts: PutParts,
  source: BlobSource,
  progress: ProgressTracker,
  signal: AbortSignal | undefined,
): Promise<PutBlob> {
  const file = await hashSource(source, progress, signal)
  const root = bytesToHex(file.root)
  const options = { timeoutMs: parts.timeoutMs, ...(signal ? { signal } : {}) }
  const nodeUrls = await findStorageNodes(parts.network, parts.indexerUrl, options)
  const known = await askFileInfo(parts.network, nodeUrls, root, options)
  const done = { root, sizeBytes: source.sizeBytes }
  if (known?.info.finalized && known.info.tx.size === source.sizeBytes) {
    progress.enter('uploading', source.sizeBytes, source.sizeBytes)
    return { ...done, txSeq: known.info.tx.seq, txHash: undefined, feeWei: 0n }
  }
  progress.enter('paying', 0)
  const payment =
    known && known.info.tx.size === source.sizeBytes
      ? { txSeq: known.info.tx.seq, txHash: undefined, feeWei: 0n }
      : await payOnce(parts.ledger, () => flowAddressOf(parts, nodeUrls[0]!), file)
  progress.enter('waiting', 0)
  const { nodeUrl, info } = await waitUntilSeen(parts, nodeUrls, payment.txSeq, signal)
  await sendSegments(parts, { nodeUrl, info, file, source, root }, progress, signal)
  progress.enter('finalizing', 0)
  await waitUntilFinal(parts, nodeUrl, payment.txSeq, root, signal)
  return { ...done, ...payment }
}

async function hashSource(source: BlobSource, progress: ProgressTracker, signal?: AbortSignal): Promise<FileTree> {
  const hasher = createFileHasher()
  progress.enter('hashing', source.sizeBytes)
  for await (const piece of piecesOf(source, 4 * segmentBytes)) {
    if (signal?.aborted) throw new AbortedError({ cause: signal.reason })
    hasher.update(piece)
    progress.add(piece.length)
  }
  return hasher.finish()
}

async function flowAddressOf({ network, flowAddress }: PutParts, nodeUrl: string): Promise<Hex> {
  return flowAddress ?? (await readFlowAddress(network, nodeUrl))
}

/** The Flow contract that a node follows. */
export async function readFlowAddress(network: Network, nodeUrl: string): Promise<Hex> {
  const status = await callNode<{ networkIdentity: { flowAddress: Hex } }>(network, nodeUrl, 'zgs_getStatus', [])
  return status.networkIdentity.flowAddress
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
