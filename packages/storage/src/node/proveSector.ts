/**
 * Proves one sector against a committed flow root. Inside a file the stored segment carries the path already; above it
 * the roots of the submissions' nodes suffice, so no other content is read. Spec: storage §4, §6.1.
 */
import { bytesEqual, bytesToHex, type Hex } from '@weightless/codec'
import {
  buildTree,
  hashPair,
  keccak256,
  leafOf,
  pathOf,
  type SegmentProof,
  sectorBytes,
  segmentPaddedSectors,
  segmentSectors,
  zeroRoot,
} from '@weightless/crypto'
import type { RpcAnswer } from '../http/jsonRpcServer.ts'
import { readCount, readHash } from '../http/readParams.ts'
import { invalidParams } from '../wire/index.ts'
import type { FlowLog } from './flowLog.ts'
import { type Content, type ContentReader, contentOf, readFrame } from './readContent.ts'
import type { Submission } from './submission.ts'

type Parts = { flow: FlowLog; reader: ContentReader }
/** A stored segment with its proof; undefined when it is not here. */
export type ReadSegment = (
  content: Content,
  index: number,
) => Promise<{ data: Uint8Array; proof: SegmentProof } | undefined>
/** A perfect tree of a submission at its place in the flow. */
export type PlacedNode = { submission: Submission; start: number; height: number; root: Uint8Array }

export async function proveSector(
  { flow, reader }: Parts,
  sectorIndex: unknown,
  flowRoot: unknown,
): Promise<RpcAnswer> {
  const sector = readCount(sectorIndex)
  if (sector === undefined) return { fault: invalidParams('sector_index', 'expected an unsigned integer') }
  const seqCount = flowRoot === null || flowRoot === undefined ? flow.count() : countAt(flow, readHash(flowRoot))
  if (seqCount === undefined) return { fault: invalidParams('flow_root', 'unknown flow root') }
  const placed = placeNodes(flow, seqCount)
  const lengthSectors = lengthOf(placed)
  if (sector >= lengthSectors) return { fault: invalidParams('sector_index', 'index out of bound') }
  const found = await pathInFlow(placed, sector, (content, index) => readFrame(reader, content, index))
  if (!found) return { result: null }
  const { leaf, siblings } = found
  const path = siblings.map((_, height) => Math.floor(sector / 2 ** height) % 2 === 0)
  const root = siblings.reduce(
    (hash, sibling, height) => (path[height] ? hashPair(hash, sibling) : hashPair(sibling, hash)),
    leaf,
  )
  return { result: { lemma: [leaf, ...siblings, root].map(bytesToHex), path } }
}

/** Siblings of a sector up to the flow root `flowRoot`; undefined when root or content are not here. */
export async function siblingsOf(
  flow: FlowLog,
  sector: number,
  flowRoot: Uint8Array,
  read: ReadSegment,
): Promise<Uint8Array[] | undefined> {
  const seqCount = countAt(flow, bytesToHex(flowRoot))
  if (seqCount === undefined) return undefined
  const placed = placeNodes(flow, seqCount)
  return sector < lengthOf(placed) ? (await pathInFlow(placed, sector, read))?.siblings : undefined
}

async function pathInFlow(
  placed: readonly PlacedNode[],
  sector: number,
  read: ReadSegment,
): Promise<{ leaf: Uint8Array; siblings: Uint8Array[] } | undefined> {
  const node = placed.find((candidate) => sector >= candidate.start && sector < endOf(candidate))
  const inside = node
    ? await pathInNode(read, node, sector)
    : { leaf: sector === 0 ? new Uint8Array(32) : zeroRoot(0), siblings: [] }
  if (!inside) return undefined
  const siblings = [...inside.siblings]
  const lengthSectors = lengthOf(placed)
  const top = Math.ceil(Math.log2(lengthSectors))
  for (let height = siblings.length; height < top; height++) {
    const own = Math.floor(sector / 2 ** height)
    const sibling = own % 2 === 0 ? own + 1 : own - 1
    siblings.push(subtree(placed, sibling * 2 ** height, height))
  }
  return { leaf: inside.leaf, siblings }
}

function countAt(flow: FlowLog, root: Hex | undefined): number | undefined {
  for (let seq = flow.count() - 1; root && seq >= 0; seq--) {
    if (bytesToHex(flow.rootAfter(seq)!) === root) return seq + 1
  }
  return undefined
}

/** The perfect trees of the first submissions, in the order of their places. */
export function placeNodes(flow: FlowLog, seqCount: number): PlacedNode[] {
  const placed: PlacedNode[] = []
  for (let seq = 0; seq < seqCount; seq++) {
    const submission = flow.get(seq)!
    let start = submission.startSector
    // a root that was paid already comes again at its old place
    if (start < lengthOf(placed)) continue
    for (const { root, height } of submission.nodes) {
      placed.push({ submission, start, height, root })
      start += 2 ** height
    }
  }
  return placed
}

/** Of the flow, in sectors. */
export const lengthOf = (placed: readonly PlacedNode[]): number =>
  placed.length === 0 ? 1 : endOf(placed[placed.length - 1]!)
const endOf = ({ start, height }: PlacedNode): number => start + 2 ** height

/** Root of the sectors `[start, start + 2^height)` of the flow, which contain whole nodes and gaps only. */
export function subtree(placed: readonly PlacedNode[], start: number, height: number): Uint8Array {
  const end = start + 2 ** height
  const within = placed.filter((node) => node.start < end && endOf(node) > start)
  const only = within[0]
  if (only && only.start === start && only.height === height) return only.root
  if (!only && start > 0) return zeroRoot(height)
  if (height === 0) return new Uint8Array(32)
  const half = 2 ** (height - 1)
  return hashPair(subtree(within, start, height - 1), subtree(within, start + half, height - 1))
}

/** Leaf and siblings of a sector up to the root of its node; undefined when its segment is not here. */
async function pathInNode(
  read: ReadSegment,
  { submission, start, height, root }: PlacedNode,
  sector: number,
): Promise<{ leaf: Uint8Array; siblings: Uint8Array[] } | undefined> {
  const content = contentOf(submission)
  if (!content) return undefined
  const inFile = sector - submission.startSector
  const segmentIndex = Math.floor(inFile / segmentSectors)
  const frame = await read(content, segmentIndex)
  if (!frame) return undefined
  const first = Math.max(segmentIndex * segmentSectors, start - submission.startSector)
  const count = Math.min(2 ** height, segmentSectors)
  const padded = new Uint8Array(segmentPaddedSectors(content.shape, segmentIndex) * sectorBytes)
  padded.set(frame.data)
  const leaves = new Uint8Array(32 * count)
  const firstByte = (first - segmentIndex * segmentSectors) * sectorBytes
  for (let i = 0; i < count; i++) {
    const at = firstByte + i * sectorBytes
    leaves.set(keccak256(padded.subarray(at, at + sectorBytes)), 32 * i)
  }
  const tree = buildTree(leaves)
  const above = frame.proof.lemma.slice(1, 1 + Math.max(0, height - 10))
  const siblings = [...pathOf(tree, inFile - first).siblings, ...above]
  const leaf = leafOf(tree, inFile - first)
  return siblings.length === height && (height > 0 || bytesEqual(leaf, root)) ? { leaf, siblings } : undefined
}
