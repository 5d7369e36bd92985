/** The `zgs_*` methods of a storage node, in the network's shapes. Spec: storage §6.1. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { segmentSectors } from '@weightless/crypto'
import type { RpcAnswer, RpcMethods } from '../http/jsonRpcServer.ts'
import { readCount, readHash, readSegment } from '../http/readParams.ts'
import { faults, type RpcFault, type SegmentFrame, type StatusJson } from '../wire/index.ts'
import { type AcceptParts, acceptSegment, pickByRoot } from './acceptSegment.ts'
import { describeFile } from './describeFile.ts'
import { createFlowSegmentMethods } from './flowSegments.ts'
import { proveSector } from './proveSector.ts'
import { type Content, type ContentReader, contentOf, readFrame, readSectors } from './readContent.ts'
import type { Submission } from './submission.ts'

export type NodeMethodParts = AcceptParts & { reader: ContentReader; status(): Promise<StatusJson> }

export function createNodeMethods(parts: NodeMethodParts): RpcMethods {
  const byRoot = (value: unknown, run: (submission: Submission | undefined) => Answering): Answering =>
    withRoot(value, async (root) => {
      await parts.final.look(root)
      return run(pickByRoot(parts, root))
    })
  const bySeq = (value: unknown, run: (submission: Submission | undefined) => Answering): Answering =>
    withSeq(value, async (seq) => {
      const submission = parts.flow.get(seq)
      if (submission) await parts.final.look(submission.root)
      return run(submission)
    })
  const info = (submission: Submission | undefined) => result(submission && describeFile(parts, submission))
  const isFinal = (submission: Submission | undefined) => result(submission && parts.final.has(submission))
  return {
    zgs_getStatus: async () => result(await parts.status()),
    zgs_getShardConfig: () => result(parts.shard()),
    zgs_getFileInfo: ([root, needAvailable]) =>
      byRoot(root, (picked) => info(needAvailable === true && picked && parts.pruned.has(picked) ? undefined : picked)),
    zgs_getFileInfoByTxSeq: ([seq]) => bySeq(seq, info),
    zgs_checkFileFinalized: ([key]) => {
      if (readHash(key)) return byRoot(key, isFinal)
      return readCount(key) === undefined ? badParams('tx_seq_or_root') : bySeq(key, isFinal)
    },
    zgs_uploadSegment: ([segment]) => upload(parts, [segment], undefined),
    zgs_uploadSegments: ([list]) => (Array.isArray(list) ? upload(parts, list, undefined) : badParams('segments')),
    zgs_uploadSegmentByTxSeq: ([segment, seq]) => withSeq(seq, (txSeq) => upload(parts, [segment], txSeq)),
    zgs_uploadSegmentsByTxSeq: ([list, seq]) =>
      withSeq(seq, (txSeq) => (Array.isArray(list) ? upload(parts, list, txSeq, 'pass') : badParams('segments'))),
    zgs_downloadSegment: ([root, start, end], { signal }) =>
      byRoot(root, (submission) => download(parts, submission, { start, end }, signal)),
    zgs_downloadSegmentByTxSeq: ([seq, start, end], { signal }) =>
      bySeq(seq, (submission) => download(parts, submission, { start, end }, signal)),
    zgs_downloadSegmentWithProof: ([root, index], { signal }) =>
      byRoot(root, (submission) => downloadProved(parts, submission, index, signal)),
    zgs_downloadSegmentWithProofByTxSeq: ([seq, index], { signal }) =>
      bySeq(seq, (submission) => downloadProved(parts, submission, index, signal)),
    zgs_getFlowContext: () => {
      const { root, lengthSectors } = parts.flow.context()
      return result([bytesToHex(root), lengthSectors])
    },
    zgs_getSectorProof: ([sector, flowRoot]) => proveSector(parts, sector, flowRoot),
    ...createFlowSegmentMethods(parts),
  }
}

/** @param duplicates `pass` goes on when a segment is there already, and waits for it if it is being written */
async function upload(
  parts: AcceptParts,
  list: readonly unknown[],
  txSeq: number | undefined,
  duplicates: 'refuse' | 'pass' = 'refuse',
): Promise<RpcAnswer> {
  const writes: Promise<RpcFault | undefined>[] = []
  let fault: RpcFault | undefined
  for (const item of list) {
    const segment = readSegment(item)
    if (!segment.ok) {
      fault = { code: -32602, message: 'Invalid params', data: segment.detail ?? segment.code }
      break
    }
    const acceptance = acceptSegment(parts, segment.value.root, segment.value.frame, txSeq)
    if ('stored' in acceptance) writes.push(acceptance.stored)
    else if (duplicates === 'pass' && acceptance.earlier) writes.push(acceptance.earlier)
    else {
      // Clients take this refusal for an acknowledgement, so it waits until the segment is on disk.
      fault = (await acceptance.earlier) ?? acceptance.fault
      break
    }
  }
  const written = await Promise.all(writes)
  fault ??= written.find((outcome) => outcome !== undefined)
  if (fault) return { fault }
  // SDK 0.3.3 takes the null of the network's nodes for a failure and sends everything again; a number suits all clients.
  return result(duplicates === 'pass' ? 0 : null)
}

async function download(
  parts: NodeMethodParts,
  submission: Submission | undefined,
  range: { start: unknown; end: unknown },
  signal: AbortSignal,
): Promise<RpcAnswer> {
  const [start, end] = [readCount(range.start), readCount(range.end)]
  if (start === undefined || end === undefined || start >= end) return { fault: faults.chunkIndex }
  if (end - start > segmentSectors) return { fault: faults.chunkRange }
  const content = availableContent(parts, submission)
  const bytes = content && (await readSectors(parts.reader, content, { start, end }, signal))
  return result(bytes && toBase64(bytes))
}

async function downloadProved(
  parts: NodeMethodParts,
  submission: Submission | undefined,
  index: unknown,
  signal: AbortSignal,
): Promise<RpcAnswer> {
  const segmentIndex = readCount(index)
  if (segmentIndex === undefined) return badParams('index')
  const content = availableContent(parts, submission)
  const frame = content && (await readFrame(parts.reader, content, segmentIndex, signal))
  return result(frame && segmentJson(content.root, frame))
}

function availableContent({ pruned }: NodeMethodParts, submission: Submission | undefined): Content | undefined {
  return submission && !pruned.has(submission) ? contentOf(submission) : undefined
}

function segmentJson(root: Hex, { data, index, proof, sizeBytes }: SegmentFrame) {
  const lemma = proof.lemma.map(bytesToHex)
  return { root, data: toBase64(data), index, proof: { lemma, path: proof.path }, fileSize: sizeBytes }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}

const result = (value: unknown): RpcAnswer => ({ result: value ?? null })

function badParams(parameter: string): RpcAnswer {
  return { fault: { code: -32602, message: 'Invalid params', data: `${parameter}: wrong type` } }
}

type Answering = RpcAnswer | Promise<RpcAnswer>

function withRoot(value: unknown, run: (root: Hex) => Answering): Answering {
  const root = readHash(value)
  return root ? run(root) : badParams('data_root')
}

function withSeq(value: unknown, run: (seq: number) => Answering): Answering {
  const seq = readCount(value)
  return seq === undefined ? badParams('tx_seq') : run(seq)
}
