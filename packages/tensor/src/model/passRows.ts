/** What the operators of a pass share: whose rows are whose, what has gone wrong with them, digests, and calls that wait. */
import { WeightlessError } from '@weightless/codec'
import { isSpread } from '../crew/spread.ts'
import { matrixKinds } from '../kernels/loadKernels.ts'
import type { StepRecorder } from '../trace/recordSteps.ts'
import { bodyOperatorCount, operatorName } from './describeGraph.ts'
import type { EngineParts } from './engineParts.ts'
import type { KeyValueCache } from './keyValueCache.ts'
import type { Matrix } from './weights.ts'

/** Rows of one conversation, in order of position. */
export type Segment = {
  tokens: readonly number[]
  /** Position of the first. */
  first: number
  /** Has room for all of them. */
  cache: KeyValueCache
  /** Index of the first row whose logits are wanted; `tokens.length` for none. */
  logitsFrom: number
  recorder: StepRecorder | undefined
}

/** A segment within a pass: which rows are its own, and what has gone wrong with them. */
export type Share = Segment & { row: number; fault: NumberNotFiniteError | undefined }

export type Pass = {
  parts: EngineParts
  shares: readonly Share[]
  rows: number
}

export function openPass(parts: EngineParts, segments: readonly Segment[]): Pass {
  let rows = 0
  const shares = segments.map((segment) => {
    const share: Share = { ...segment, row: rows, fault: undefined }
    rows += segment.tokens.length
    return share
  })
  return { parts, shares, rows }
}

/** Quantises the rows that one of the matrices will read as integers. */
export function quantiseRows(
  pass: Pass,
  input: number,
  width: number,
  readers: readonly Matrix[],
  operator: number,
): void {
  const { arena, scratch } = pass.parts
  const count = pass.rows * width
  const bad = readers.some(({ kind }) => kind !== matrixKinds.float)
    ? arena.kernels.quantise(input, scratch.q, scratch.scales, scratch.sums, count / 32)
    : arena.kernels.hasNonFinite(input, count)
  if (bad) blame(pass, input, width, operator)
}

/** Finds whose rows hold a number that is not finite. The pass goes on: other rows do not see it. */
export function blame(pass: Pass, input: number, width: number, operator: number): void {
  const { arena, graph } = pass.parts
  for (const share of pass.shares) {
    const count = share.tokens.length * width
    if (share.fault || !arena.kernels.hasNonFinite(input + share.row * width * 4, count)) continue
    const name = operatorName(graph.layerCount, operator)
    share.fault = new NumberNotFiniteError({ operator: name, position: share.first })
  }
}

export function run({ parts, rows }: Pass): void {
  parts.round.run(isSpread(parts, rows))
}

/** Before rows that wait for their digests are written over; a crew has made them in its rounds. */
export function settle({ parts, rows }: Pass): void {
  if (!isSpread(parts, rows)) parts.round.settle()
}

/** Has the digests of `operator`'s output made, `width` values a row. */
export function record(pass: Pass, operator: number, address: number, width: number): void {
  const { shares } = pass
  for (const share of shares) capture(pass, share, operator, address, width * 4, width * 4)
  for (let i = 0; i < shares.length; ) {
    const { row, recorder } = shares[i]!
    let rows = 0
    // Rows of conversations side by side are digested in common.
    do rows += shares[i++]!.tokens.length
    while (i < shares.length && recorder !== undefined && shares[i]!.recorder !== undefined)
    if (recorder !== undefined) digest(pass, row, rows, row, operator, address, width * 4, width * 4)
  }
}

/** @param row - where the first of the rows has its digests; `address` is of the pass's first row */
function digest(
  { parts, rows: all }: Pass,
  first: number,
  rows: number,
  row: number,
  operator: number,
  address: number,
  stride: number,
  bytes: number,
): void {
  const { digests, digestBytes } = parts.scratch
  // Threads share them, in pieces that are as many as fill their vectors.
  const most = isSpread(parts, all) ? Math.min(16, Math.max(2, Math.ceil(rows / parts.members))) : rows
  for (let i = 0; i < rows; i += most) {
    const from = address + (first + i) * stride
    const to = digests + (row + i) * digestBytes + operator * 32
    parts.round.addDigests(from, stride, bytes, to, digestBytes, Math.min(most, rows - i))
  }
}

/** As `record` for one of the head's shares. @param row - where the first of its rows has its digests */
export function recordHead(
  heads: Pass,
  share: Share,
  row: number,
  operator: number,
  address: number,
  stride: number,
  bytes: number,
): void {
  capture(heads, share, operator, address, stride, bytes)
  if (share.recorder !== undefined) digest(heads, share.row, share.tokens.length, row, operator, address, stride, bytes)
}

/** Shows a recorder that wants them the outputs themselves. */
function capture(pass: Pass, share: Share, operator: number, address: number, stride: number, bytes: number): void {
  const { recorder } = share
  if (recorder?.capture === undefined) return
  const { arena, graph } = pass.parts
  // The head's rows are those from `logitsFrom` on.
  const skipped = operator < bodyOperatorCount(graph.layerCount) ? 0 : share.logitsFrom
  share.tokens.forEach((_, i) => {
    recorder.capture!(skipped + i, operator, arena.bytes(address + (share.row + i) * stride, bytes))
  })
}

/** Gives the digests of every row to its recorder. */
export function handOver({ parts, shares }: Pass): void {
  const { arena, graph, scratch } = parts
  const body = bodyOperatorCount(graph.layerCount) * 32
  for (const { recorder, tokens, logitsFrom, row } of shares) {
    if (recorder === undefined) continue
    tokens.forEach((_, i) => {
      const length = i >= logitsFrom ? body + 64 : body
      recorder.take(i, arena.bytes(scratch.digests + (row + i) * scratch.digestBytes, length))
    })
  }
}

export class NumberNotFiniteError extends WeightlessError {
  constructor(facts: { operator: string; position: number }) {
    super('tensor/number-not-finite', 'The model produced an infinite or undefined number.', facts)
  }
}
