/**
 * Looks into a node segment by segment of the whole flow, for finding faults: `zgs_getHashAtNodeIndex`, `…DataByNodeIndex`,
 * `…MetaDataByNodeIndex`. A node index counts segments of 1,024 sectors. Spec: storage §6.1.
 */
import { bytesToHex } from '@weightless/codec'
import { sectorBytes, segmentSectors, zeroRoot } from '@weightless/crypto'
import type { RpcAnswer, RpcMethods } from '../http/jsonRpcServer.ts'
import { readCount } from '../http/readParams.ts'
import { invalidParams } from '../wire/index.ts'
import type { FlowLog } from './flowLog.ts'
import { lengthOf, type PlacedNode, placeNodes, subtree } from './proveSector.ts'
import { type ContentReader, contentOf, readFrame, readSectors } from './readContent.ts'
import type { Submission } from './submission.ts'

type Parts = { flow: FlowLog; reader: ContentReader }
type FlowSegment = { index: number; start: number; end: number; placed: readonly PlacedNode[] }

const segmentHeight = Math.log2(segmentSectors)

export function createFlowSegmentMethods(parts: Parts): RpcMethods {
  const at = (
    value: unknown,
    run: (segment: FlowSegment) => Promise<unknown>,
    beyond: unknown = null,
  ): RpcAnswer | Promise<RpcAnswer> => {
    const index = readCount(value)
    if (index === undefined) return { fault: invalidParams('node_index', 'expected an unsigned integer') }
    const segment = openSegment(parts.flow, index)
    return segment ? run(segment).then((result) => ({ result })) : { result: beyond }
  }
  return {
    zgs_getHashAtNodeIndex: ([index]) => at(index, (segment) => hashOf(parts, segment)),
    zgs_getDataByNodeIndex: ([index]) => at(index, (segment) => dataOf(parts, segment)),
    zgs_getMetaDataByNodeIndex: ([index]) =>
      at(index, (segment) => describe(parts, segment), 'no such segment in the flow'),
  }
}

/** Undefined beyond the end of the flow. */
function openSegment(flow: FlowLog, index: number): FlowSegment | undefined {
  const all = placeNodes(flow, flow.count())
  const [start, end] = [index * segmentSectors, (index + 1) * segmentSectors]
  if (start >= lengthOf(all)) return undefined
  const placed = all.filter((node) => node.start < end && node.start + 2 ** node.height > start)
  return { index, start, end, placed }
}

/** Root of the segment's sectors; null where it lies inside a larger tree whose content is not here. */
async function hashOf({ reader }: Parts, { start, placed }: FlowSegment): Promise<string | null> {
  const [first] = placed
  if (!first || first.height <= segmentHeight) return bytesToHex(subtree(placed, start, segmentHeight))
  const content = contentOf(first.submission)
  if (!content) return null
  const index = (start - first.submission.startSector) / segmentSectors
  if (index >= content.shape.segments) return bytesToHex(zeroRoot(segmentHeight))
  const frame = await readFrame(reader, content, index)
  return frame?.proof.lemma[0] ? bytesToHex(frame.proof.lemma[0]) : null
}

/** All sectors as lists of byte numbers, gaps as zeros; null where something of it is not here. */
async function dataOf({ reader }: Parts, segment: FlowSegment): Promise<number[][] | null> {
  const bytes = new Uint8Array(segmentSectors * sectorBytes)
  for (const submission of submissionsOf(segment)) {
    const content = contentOf(submission)
    const [from, to] = sectorsIn(submission, segment)
    if (!content || from >= to) continue
    const part = await readSectors(reader, content, { start: from, end: to })
    if (!part) return null
    bytes.set(part, (submission.startSector + from - segment.start) * sectorBytes)
  }
  return Array.from({ length: segmentSectors }, (_, at) => [
    ...bytes.subarray(at * sectorBytes, (at + 1) * sectorBytes),
  ])
}

async function describe(parts: Parts, segment: FlowSegment): Promise<string> {
  const submissions = submissionsOf(segment)
  const sectors = submissions.reduce((sum, submission) => {
    const [from, to] = sectorsIn(submission, segment)
    return sum + Math.max(0, to - from)
  }, 0)
  const isHere = (await dataOf(parts, segment)) !== null
  return (
    `segment ${segment.index}, sectors ${segment.start} to ${segment.end - 1}, ` +
    `submissions [${submissions.map(({ seq }) => seq).join(', ')}], data sectors ${sectors}, ` +
    `${isHere ? 'stored' : 'not stored'}`
  )
}

function submissionsOf({ placed }: FlowSegment): Submission[] {
  return [...new Set(placed.map(({ submission }) => submission))]
}

/** Sectors `[from, to)` of a submission's data, counted from its first, that lie in the segment. */
function sectorsIn({ startSector, shape }: Submission, { start, end }: FlowSegment): [from: number, to: number] {
  return [Math.max(0, start - startSector), Math.min(end - startSector, shape?.sectors ?? 0)]
}
