/**
 * Runs in a worker: turns k rows of a stripe into the frame of another one. The stripe's segments are proved against the
 * file root and coded anew, so that nothing of what the rows' holders say about the coding is believed. Spec: storage §13.
 */
import openStripe, { type StripeWish } from '@weightless/blobs/gather/openStripeTask'
import { encodeStripe } from '@weightless/coder'
import { fileShape } from '@weightless/crypto'
import { encodeFragmentFrame, provedSegment, rowBytesOf } from '../../wire/index.ts'

export type RebuildWish = Omit<StripeWish, 'withProofs'> & {
  /** The row that is wanted. */
  row: number
}

export type Rebuilt =
  | { frame: Uint8Array<ArrayBuffer> }
  /** Rows that are not of this file, as far as can be told; others are needed in their place. */
  | { forged: { row: number; detail: string }[]; frames: RebuildWish['frames'] }

export default function rebuild(wish: RebuildWish): Rebuilt {
  const { sizeBytes, dataRows, parityRows, stripe, row } = wish
  const opened = openStripe({ ...wish, withProofs: true })
  if (!opened.segments) return { forged: opened.forged, frames: opened.frames }
  const shape = fileShape(sizeBytes)
  const rowBytes = rowBytesOf(shape, dataRows, stripe)
  const rows = Array.from({ length: dataRows }, (_, at) => opened.segments![at]?.data)
  const coded = encodeStripe({ dataRows, parityRows }, rows, rowBytes)
  const { rowRoot, combinations } = coded.header
  const proof = opened.segments[provedSegment(shape, dataRows, stripe, row) - stripe * dataRows]!.proof
  const frame = encodeFragmentFrame({
    ...{ sizeBytes, stripe, row, dataRows, parityRows, rowBytes, rowRoot, combinations },
    rowPath: coded.rowPath(row),
    segmentProof: proof,
    data: row < dataRows ? rows[row]! : coded.parity[row - dataRows]!,
  })
  return { frame: frame as Uint8Array<ArrayBuffer> }
}
