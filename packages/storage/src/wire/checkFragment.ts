/**
 * Decides whether a fragment belongs to a file, each one alone: what a holder does before it stores one, a reader when
 * somebody lies. A data row is a segment of the file; a parity row must continue the code. Spec: storage §10.
 */
import { accept, reject, type Verdict } from '@weightless/codec'
import { checkRow } from '@weightless/coder'
import { checkSegment, checkSegmentPath, type FileShape, segmentDataBytes } from '@weightless/crypto'
import type { FragmentFrame } from './fragmentFrame.ts'

export type FragmentFault = 'fragment-malformed' | 'segment-proof-wrong' | 'row-path-wrong' | 'row-combination-wrong'

/** Stripes of a file: groups of `dataRows` segments. */
export function stripesOf(shape: FileShape, dataRows: number): number {
  return Math.ceil(shape.segments / dataRows)
}

/** Bytes of the longest segment of a stripe: its first one. */
export function rowBytesOf(shape: FileShape, dataRows: number, stripe: number): number {
  return segmentDataBytes(shape, stripe * dataRows)
}

/** Whether a row is there at all: the last stripe of a file may have fewer data rows; those count as zeros, and are not kept. */
export function hasRow(shape: FileShape, dataRows: number, stripe: number, row: number): boolean {
  return row >= dataRows || stripe * dataRows + row < shape.segments
}

/**
 * The segment whose proof a fragment carries. A data row: itself. Parity rows carry in turn the proof of the first and
 * of the last segment of their stripe, so that a stripe of which all data rows are lost is still proved against the root.
 */
export function provedSegment(shape: FileShape, dataRows: number, stripe: number, row: number): number {
  const first = stripe * dataRows
  if (row < dataRows) return first + row
  return (row - dataRows) % 2 === 0 ? first : Math.min(first + dataRows, shape.segments) - 1
}

/** @param shape that of the file of this root, from its submission */
export function checkFragment(root: Uint8Array, shape: FileShape, frame: FragmentFrame): Verdict<void, FragmentFault> {
  const form = checkFragmentForm(shape, frame)
  if (!form.ok) return form
  const segment = checkFragmentSegment(root, shape, frame)
  if (!segment.ok) return segment
  const row = checkRow(frame, frame.row, frame.data, frame.rowPath)
  if (row.ok) return row
  if (row.code === 'row-path-wrong' || row.code === 'row-combination-wrong') return reject(row.code, row.detail)
  return reject('fragment-malformed', row.detail ?? row.code)
}

/** Numbers and lengths alone. */
export function checkFragmentForm(shape: FileShape, frame: FragmentFrame): Verdict<void, 'fragment-malformed'> {
  const { sizeBytes, stripe, row, dataRows, rowBytes, data } = frame
  const malformed = (detail: string) => reject('fragment-malformed', detail)
  if (sizeBytes !== shape.sizeBytes) return malformed('sizeBytes')
  if (stripe >= stripesOf(shape, dataRows)) return malformed('stripe')
  if (!hasRow(shape, dataRows, stripe, row)) return malformed('row')
  if (rowBytes !== rowBytesOf(shape, dataRows, stripe)) return malformed('rowBytes')
  if (frame.segmentProof === undefined) return malformed('segmentProof')
  const dataBytes = row < dataRows ? segmentDataBytes(shape, stripe * dataRows + row) : rowBytes
  return data.length === dataBytes ? accept(undefined) : malformed('data')
}

/** A data row against the file root; of a parity row, the proof that it carries. Its form has been checked. */
export function checkFragmentSegment(
  root: Uint8Array,
  shape: FileShape,
  { stripe, row, dataRows, segmentProof, data }: FragmentFrame,
): Verdict<void, 'segment-proof-wrong'> {
  if (!segmentProof) return reject('segment-proof-wrong', 'missing')
  const index = provedSegment(shape, dataRows, stripe, row)
  // With one data row the parity rows are copies of it.
  const isSegment = row < dataRows || dataRows === 1
  const checked = isSegment
    ? checkSegment(root, shape, index, data, segmentProof)
    : checkSegmentPath(root, shape, index, segmentProof)
  return checked.ok ? accept(undefined) : reject('segment-proof-wrong', checked.detail)
}
