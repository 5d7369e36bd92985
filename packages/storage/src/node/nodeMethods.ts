/** The `zgs_*` methods of a storage node, in the network's shapes. Spec: storage §6.1. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { segmentSectors } from '@weightless/crypto'
import type { RpcAnswer, RpcMethod, RpcMethods } from '../http/jsonRpcServer.ts'
import { readCount, readHash, readSegment } from '../http/readParams.ts'
import { faults, type RpcFault, type SegmentFrame, type StatusJson } from '../wire/index.ts'
import { type AcceptParts, acceptSegment, isComplete, pickByRoot } from './acceptSegment.ts'
import { describeFile } from './describeFile.ts'
import { proveSector } from './proveSector.ts'
import { contentOf, readFrame, readSectors } from './readContent.ts'
import type { Submission } from './submission.ts'

export type NodeMethodParts = AcceptParts & { status(): Promise<StatusJson> }

export function createNodeMethods(parts: NodeMethodParts): RpcMethods {
  const info = (submission: Submission | undefined): RpcAnswer => result(submission && describeFile(parts, submission))
  return {
    zgs_getStatus: async () => result(await parts.status()),
    zgs_getShardConfig: () => result({ shardId: 0, numShard: 1 }),
    zgs_getFileInfo: byRoot((root) => info(pickByRoot(parts, root))),
    zgs_getFileInfoByTxSeq: bySeq((seq) => info(parts.flow.get(seq))),
    zgs_checkFileFinalized: ([key]) => {
      const root = readHash(key)
      const seq = readCount(key)
      if (!root && seq === undefined) return badParams('tx_seq_or_root')
      const submission = root ? pickByRoot(parts, root) : parts.flow.get(seq!)
      return result(submission && isComplete(parts.segments, submission))
    },
    zgs_uploadSegment: ([segment]) => upload(parts, [segment], undefined),
    zgs_uploadSegments: ([list]) => (Array.isArray(list) ? upload(parts, list, undefined) : badParams('segments')),
    zgs_uploadSegmentByTxSeq: ([segment, seq]) => withSeq(seq, (txSeq) => upload(parts, [segment], txSeq)),
    zgs_uploadSegmentsByTxSeq: ([list, seq]) =>
      withSeq(seq, (txSeq) => (Array.isArray(list) ? upload(parts, list, txSeq, 'pass') : badParams('segments'))),
    zgs_downloadSegment: ([key, start, end]) =>
      withRoot(key, (root) => download(parts, pickByRoot(parts, root), start, end)),
    zgs_downloadSegmentByTxSeq: ([seq, start, end]) =>
      withSeq(seq, (txSeq) => download(parts, parts.flow.get(txSeq), start, end)),
    zgs_downloadSegmentWithProof: ([key, index]) =>
      withRoot(key, (root) => downloadProved(parts, pickByRoot(parts, root), index)),
    zgs_downloadSegmentWithProofByTxSeq: ([seq, index]) =>
      withSeq(seq, (txSeq) => downloadProved(parts, parts.flow.get(txSeq), index)),
    zgs_getFlowContext: () => {
      const { root, lengthSectors } = parts.flow.context()
      return result([bytesToHex(root), lengthSectors])
    },
    zgs_getSectorProof: ([sector, flowRoot]) => proveSector(parts, sector, flowRoot),
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
  { segments }: AcceptParts,
  submission: Submission | undefined,
  start: unknown,
  end: unknown,
): Promise<RpcAnswer> {
  const [first, last] = [readCount(start), readCount(end)]
  if (first === undefined || last === undefined || first >= last) return { fault: faults.chunkIndex }
  if (last - first > segmentSectors) return { fault: faults.chunkRange }
  const content = submission && contentOf(submission)
  const bytes = content && (await readSectors(segments, content, first, last))
  return result(bytes && toBase64(bytes))
}

async function downloadProved(
  { segments }: AcceptParts,
  submission: Submission | undefined,
  index: unknown,
): Promise<RpcAnswer> {
  const segmentIndex = readCount(index)
  if (segmentIndex === undefined) return badParams('index')
  const content = submission && contentOf(submission)
  const frame = content && (await readFrame(segments, content, segmentIndex))
  return result(frame && segmentJson(content.root, frame))
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

function withRoot(value: unknown, run: (root: Hex) => RpcAnswer | Promise<RpcAnswer>): RpcAnswer | Promise<RpcAnswer> {
  const root = readHash(value)
  return root ? run(root) : badParams('data_root')
}

function withSeq(value: unknown, run: (seq: number) => RpcAnswer | Promise<RpcAnswer>): RpcAnswer | Promise<RpcAnswer> {
  const seq = readCount(value)
  return seq === undefined ? badParams('tx_seq') : run(seq)
}

function byRoot(run: (root: Hex) => RpcAnswer): RpcMethod {
  return ([value]) => withRoot(value, run)
}

function bySeq(run: (seq: number) => RpcAnswer): RpcMethod {
  return ([value]) => withSeq(value, run)
}
