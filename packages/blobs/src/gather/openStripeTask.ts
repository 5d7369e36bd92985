/**
 * Runs in a worker: turns any k rows of a stripe into its segments, each proved against the file root. Rows that lie are
 * named, so that the reader asks others. Spec: storage §10.
 */
import { bytesEqual, bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import { checkRow, decodeRows } from '@weightless/coder'
import {
  type FileShape,
  fileShape,
  type SegmentProof,
  segmentDataBytes,
  segmentPaddedSectors,
  segmentRoot,
  zeroSegment,
} from '@weightless/crypto'
import {
  checkFragmentForm,
  checkFragmentSegment,
  decodeFragmentFrame,
  type FragmentFrame,
  provedSegment,
} from '@weightless/storage/wire'
import { createProvenNodes, type ProvenNodes } from './provenNodes.ts'

export type RowFrame = { row: number; bytes: Uint8Array<ArrayBuffer> }

export type StripeWish = {
  root: Hex
  sizeBytes: number
  dataRows: number
  parityRows: number
  stripe: number
  /** As many as the stripe needs, by row, each in a buffer of its own. */
  frames: RowFrame[]
  withProofs: boolean
}

export type OpenedStripe = {
  /** The stripe's segments in order, whole sectors; undefined when more rows are needed. */
  segments: { data: Uint8Array<ArrayBuffer>; proof: SegmentProof | undefined }[] | undefined
  /** Rows that are not of this file. */
  forged: { row: number; detail: string }[]
  /** All buffers that came in. */
  frames: RowFrame[]
}

export default function openStripe(wish: StripeWish): OpenedStripe {
  const shape = fileShape(wish.sizeBytes)
  const root = hexToBytes(wish.root)
  const read = wish.frames.map(({ row, bytes }) => ({ row, ...readRow(root, shape, wish, row, bytes) }))
  const forged = read.flatMap(({ row, detail }) => (detail === undefined ? [] : [{ row, detail }]))
  const fail = (rows: OpenedStripe['forged']): OpenedStripe => ({
    segments: undefined,
    forged: rows,
    frames: wish.frames,
  })
  if (forged.length > 0) return fail(forged)
  const frames = new Map(read.map(({ row, frame }) => [row, frame!]))
  const first = wish.stripe * wish.dataRows
  const count = Math.min(wish.dataRows, shape.segments - first)
  const rows = [...Array(count).keys()]
  const lost = rows.filter((row) => !frames.has(row))
  const nodes = createProvenNodes(root, shape.paddedSegments)
  for (const { stripe, row, segmentProof } of lost.length > 0 || wish.withProofs ? frames.values() : []) {
    nodes.learn(provedSegment(shape, wish.dataRows, stripe, row), segmentProof!)
  }
  const decoded = lost.length > 0 ? decodeLost(wish, shape, frames, lost) : new Map<number, Uint8Array<ArrayBuffer>>()
  if (lost.length > 0) {
    const verdict = proveDecoded(shape, first, wish.dataRows, decoded, nodes)
    // Only where k is no power of two can too little of the tree be known: then the holders' own commitment decides.
    if (verdict === 'wrong' || (verdict === 'unknown' && !isOneCodeWord(frames)))
      return fail(blame(frames, wish.dataRows))
  }
  const segments = rows.map((row) => {
    const data = (decoded.get(row) ?? frames.get(row)!.data) as Uint8Array<ArrayBuffer>
    return { data, proof: wish.withProofs ? nodes.proofOf(first + row) : undefined }
  })
  return { segments, forged: [], frames: wish.frames }
}

export function transferOf({ frames, segments }: OpenedStripe): ArrayBuffer[] {
  return [...new Set([...frames.map(({ bytes }) => bytes.buffer), ...(segments ?? []).map(({ data }) => data.buffer)])]
}

type ReadRow = { frame?: FragmentFrame; detail?: string }

function readRow(root: Uint8Array, shape: FileShape, wish: StripeWish, row: number, bytes: Uint8Array): ReadRow {
  const decoded = decodeFragmentFrame(bytes)
  if (!decoded.ok) return { detail: decoded.detail ?? decoded.code }
  const frame = decoded.value
  const isAsked = frame.row === row && frame.stripe === wish.stripe
  if (!isAsked || frame.dataRows !== wish.dataRows || frame.parityRows !== wish.parityRows) {
    return { detail: 'another row' }
  }
  const form = checkFragmentForm(shape, frame)
  if (!form.ok) return { detail: form.detail ?? form.code }
  const segment = checkFragmentSegment(root, shape, frame)
  return segment.ok ? { frame } : { detail: segment.detail ?? segment.code }
}

function decodeLost(
  { dataRows, parityRows, stripe }: StripeWish,
  shape: FileShape,
  frames: ReadonlyMap<number, FragmentFrame>,
  lost: readonly number[],
): Map<number, Uint8Array<ArrayBuffer>> {
  const first = stripe * dataRows
  const rows = Array.from({ length: dataRows + parityRows }, (_, row) => {
    const isBeyond = row < dataRows && first + row >= shape.segments
    return isBeyond ? new Uint8Array(0) : frames.get(row)?.data
  })
  const rowBytes = segmentDataBytes(shape, first)
  const decoded = decodeRows({ dataRows, parityRows }, rows, rowBytes, lost)
  // A copy: what the coder gives may share a buffer, and buffers are moved.
  return new Map(lost.map((row, i) => [row, decoded[i]!.slice(0, segmentDataBytes(shape, first + row))]))
}

function proveDecoded(
  shape: FileShape,
  first: number,
  dataRows: number,
  decoded: ReadonlyMap<number, Uint8Array>,
  nodes: ProvenNodes,
): ReturnType<ProvenNodes['prove']> {
  const leaves = new Map<number, Uint8Array>()
  for (const [row, data] of decoded)
    leaves.set(first + row, segmentRoot(data, segmentPaddedSectors(shape, first + row)))
  // Siblings in the padding are known to everybody.
  for (let index = shape.segments; index < Math.min(first + dataRows, shape.paddedSegments); index++) {
    leaves.set(index, zeroSegment(shape, index))
  }
  return nodes.prove(leaves)
}

function isOneCodeWord(frames: ReadonlyMap<number, FragmentFrame>): boolean {
  const [one, ...others] = [...frames.values()]
  const isSame = others.every(
    ({ rowRoot, combinations }) => bytesEqual(rowRoot, one!.rowRoot) && bytesEqual(combinations, one!.combinations),
  )
  return isSame && [...frames.values()].every((frame) => checkRow(frame, frame.row, frame.data, frame.rowPath).ok)
}

/** Data rows have been proved, so a parity row is wrong: the one that breaks its own stripe's code, else any of them. */
function blame(frames: ReadonlyMap<number, FragmentFrame>, dataRows: number): OpenedStripe['forged'] {
  const parity = [...frames.values()].filter(({ row }) => row >= dataRows)
  const wrong = parity.filter((frame) => !checkRow(frame, frame.row, frame.data, frame.rowPath).ok)
  const named = wrong.length > 0 ? wrong : parity
  return named.map(({ row, rowRoot }) => ({ row, detail: `decodes to other bytes, under ${bytesToHex(rowRoot)}` }))
}
