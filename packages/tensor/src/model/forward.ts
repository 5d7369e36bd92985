/**
 * The forward pass over rows that may belong to several conversations: weights are read once for all of them, attention looks
 * into each row's own cache. A row's bits depend on the tokens of its conversation up to it and on nothing else: not on what
 * shares the pass. Spec: spec/tensor.md §5; a number that is not finite fails its own conversation alone (§1).
 */
import { WeightlessError } from '@weightless/codec'
import { isSpread, spread } from '../crew/spread.ts'
import { matrixKinds } from '../kernels/loadKernels.ts'
import type { StepRecorder } from '../trace/recordSteps.ts'
import { bodyOperatorCount, layerOperators, operatorName } from './describeGraph.ts'
import type { EngineParts } from './engineParts.ts'
import type { KeyValueCache } from './keyValueCache.ts'
import { multiply } from './multiply.ts'
import { ropeRows } from './ropeTable.ts'
import { placeBytes } from './scratch.ts'
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

/** Logits of the rows that were to have them, in order, valid until the next pass on this model. */
export type SegmentResult = { ok: true; logits: Float32Array[] } | { ok: false; fault: NumberNotFiniteError }

/** @param segments - together 1 to `positionsMax` rows */
export function forward(parts: EngineParts, segments: readonly Segment[]): SegmentResult[] {
  const pass = openPass(parts, segments)
  embed(pass)
  for (let layer = 0; layer < parts.graph.layerCount; layer++) runLayer(pass, layer)
  return runHead(pass)
}

/** A segment within a pass: which rows are its own, and what has gone wrong with them. */
type Share = Segment & { row: number; fault: NumberNotFiniteError | undefined }

type Pass = {
  parts: EngineParts
  shares: readonly Share[]
  rows: number
}

function openPass(parts: EngineParts, segments: readonly Segment[]): Pass {
  let rows = 0
  const shares = segments.map((segment) => {
    const share: Share = { ...segment, row: rows, fault: undefined }
    rows += segment.tokens.length
    return share
  })
  return { parts, shares, rows }
}

/** Embedding rows, and per row its rotation and the place of its keys and values. */
function embed(pass: Pass): void {
  const { arena, weights, graph, scratch } = pass.parts
  const { embedding } = weights
  const places = arena.words(scratch.places, (pass.rows * placeBytes) / 4)
  for (const { tokens, first, cache, row, recorder } of pass.shares) {
    const angles = ropeRows(pass.parts.angles, first, tokens.length)
    const offset = row * graph.rotatedSize * 4
    arena.floats(scratch.cosines + offset, angles.cosines.length).set(angles.cosines)
    arena.floats(scratch.sines + offset, angles.sines.length).set(angles.sines)
    tokens.forEach((token, i) => {
      const group = embedding.address + (token >> 3) * embedding.groupBytes
      const to = scratch.x + (row + i) * graph.width * 4
      arena.kernels.embedRow(group, token & 7, embedding.kind, graph.width, to)
      places.set([cache.address, cache.scores, cache.capacity, first + i], ((row + i) * placeBytes) / 4)
    })
    recorder?.begin(first, tokens)
  }
  record(pass, 0, scratch.x, graph.width)
}

function runLayer(pass: Pass, layer: number): void {
  const { parts, rows } = pass
  const { arena, graph, weights, scratch, round } = parts
  const { kernels } = arena
  const w = weights.layers[layer]!
  const { width, hiddenWidth } = graph
  const operator = 1 + layer * layerOperators.length

  kernels.rmsNorm(scratch.x, w.attentionNorm, scratch.y, width, rows, graph.epsilon)
  record(pass, operator, scratch.y, width)
  project(pass, [w.query, w.key, w.value], operator)
  attend(pass, layer, operator)
  const queryWidth = graph.headCount * graph.headSize
  record(pass, operator + 2, scratch.mix, queryWidth)
  quantiseRows(pass, scratch.mix, queryWidth, [w.attentionOutput], operator + 2)
  settle(pass)
  multiply(parts, w.attentionOutput, scratch.mix, scratch.y, width * 4, rows)
  run(pass)
  kernels.addInto(scratch.x, scratch.y, rows * width)
  record(pass, operator + 3, scratch.x, width)

  kernels.rmsNorm(scratch.x, w.ffnNorm, scratch.y, width, rows, graph.epsilon)
  record(pass, operator + 4, scratch.y, width)
  quantiseRows(pass, scratch.y, width, [w.gate, w.up], operator + 4)
  multiply(parts, w.gate, scratch.y, scratch.gate, hiddenWidth * 4, rows)
  multiply(parts, w.up, scratch.y, scratch.up, hiddenWidth * 4, rows)
  run(pass)
  spread(parts, rows, rows, (from, count) => {
    const at = from * hiddenWidth * 4
    round.add('siluMultiply', scratch.gate + at, scratch.up + at, count * hiddenWidth)
  })
  run(pass)
  settle(pass)
  record(pass, operator + 5, scratch.gate, hiddenWidth)
  quantiseRows(pass, scratch.gate, hiddenWidth, [w.down], operator + 5)
  multiply(parts, w.down, scratch.gate, scratch.y, width * 4, rows)
  run(pass)
  kernels.addInto(scratch.x, scratch.y, rows * width)
  record(pass, operator + 6, scratch.x, width)
}

/** Queries, keys and values side by side in one row per position. */
function project(pass: Pass, matrices: readonly Matrix[], operator: number): void {
  const { graph, scratch } = pass.parts
  quantiseRows(pass, scratch.y, graph.width, matrices, operator)
  let column = 0
  for (const matrix of matrices) {
    multiply(pass.parts, matrix, scratch.y, scratch.qkv + column * 4, scratch.qkvWidth * 4, pass.rows)
    column += matrix.rows
  }
  run(pass)
}

function attend(pass: Pass, layer: number, operator: number): void {
  const { parts, rows } = pass
  const { arena, graph, scratch } = parts
  const { kernels } = arena
  const { headCount, keyHeadCount, headSize, rotatedSize } = graph
  const { cosines, sines, qkv, places } = scratch
  const stride = scratch.qkvWidth * 4
  // Queries and keys are neighbours, so one call turns the heads of both.
  kernels.rotate(qkv, stride, headCount + keyHeadCount, headSize, rotatedSize, cosines, sines, rows)
  record(pass, operator + 1, qkv, scratch.qkvWidth)
  const k = qkv + headCount * headSize * 4
  const v = k + keyHeadCount * headSize * 4
  kernels.storeKeys(k, v, stride, places, keyHeadCount, headSize, layer, rows)
  spread(parts, rows, rows, (from, count) => {
    const [query, out] = [qkv + from * stride, scratch.mix + from * headCount * headSize * 4]
    const at = places + from * placeBytes
    const { scoreFactor } = parts
    parts.round.add('attend', query, stride, out, at, 0, headCount, keyHeadCount, headSize, layer, count, scoreFactor)
  })
  run(pass)
}

/** Quantises the rows that one of the matrices will read as integers. */
function quantiseRows(pass: Pass, input: number, width: number, readers: readonly Matrix[], operator: number): void {
  const { arena, scratch } = pass.parts
  const count = pass.rows * width
  const bad = readers.some(({ kind }) => kind !== matrixKinds.float)
    ? arena.kernels.quantise(input, scratch.q, scratch.scales, scratch.sums, count / 32)
    : arena.kernels.hasNonFinite(input, count)
  if (bad) blame(pass, input, width, operator)
}

/** Finds whose rows hold a number that is not finite. The pass goes on: other rows do not see it. */
function blame(pass: Pass, input: number, width: number, operator: number): void {
  const { arena, graph } = pass.parts
  for (const share of pass.shares) {
    const count = share.tokens.length * width
    if (share.fault || !arena.kernels.hasNonFinite(input + share.row * width * 4, count)) continue
    const name = operatorName(graph.layerCount, operator)
    share.fault = new NumberNotFiniteError({ operator: name, position: share.first })
  }
}

function runHead(pass: Pass): SegmentResult[] {
  const { parts } = pass
  const { arena, graph, weights, scratch } = parts
  const { kernels } = arena
  const { width } = graph
  const base = bodyOperatorCount(graph.layerCount)
  if (kernels.hasNonFinite(scratch.x, pass.rows * width)) blame(pass, scratch.x, width, base - 1)
  const shares = pass.shares.filter((share) => share.logitsFrom < share.tokens.length)
  const heads = openPass(
    parts,
    shares.map((share) => ({ ...share, tokens: share.tokens.slice(share.logitsFrom) })),
  )
  heads.shares.forEach((head, i) => {
    const { row, logitsFrom } = shares[i]!
    const [from, to] = [scratch.x + (row + logitsFrom) * width * 4, scratch.y + head.row * width * 4]
    kernels.rmsNorm(from, weights.outputNorm, to, width, head.tokens.length, graph.epsilon)
    recordHead(heads, head, row + logitsFrom, base, scratch.y, width * 4, width * 4)
  })
  const stride = weights.output.groups * 32
  if (heads.rows > 0) {
    quantiseRows(heads, scratch.y, width, [weights.output], base)
    multiply(parts, weights.output, scratch.y, scratch.logits, stride, heads.rows)
    run(heads)
    if (kernels.hasNonFinite(scratch.logits, (heads.rows * stride) / 4))
      blame(heads, scratch.logits, stride / 4, base + 1)
    heads.shares.forEach((head, i) => {
      const { row, logitsFrom } = shares[i]!
      recordHead(heads, head, row + logitsFrom, base + 1, scratch.logits, stride, graph.vocabSize * 4)
    })
  }
  run(pass)
  parts.round.settle()
  handOver(pass)
  return pass.shares.map((share) => {
    const head = heads.shares[shares.indexOf(share)]
    const fault = share.fault ?? head?.fault
    if (fault) return { ok: false, fault }
    const logits = (head?.tokens ?? []).map((_, i) =>
      arena.floats(scratch.logits + (head!.row + i) * stride, graph.vocabSize),
    )
    return { ok: true, logits }
  })
}

function run({ parts, rows }: Pass): void {
  parts.round.run(isSpread(parts, rows))
}

/** Before rows that wait for their digests are written over; a crew has made them in its rounds. */
function settle({ parts, rows }: Pass): void {
  if (!isSpread(parts, rows)) parts.round.settle()
}

/** Has the digests of `operator`'s output made, `width` values a row. */
function record(pass: Pass, operator: number, address: number, width: number): void {
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
function recordHead(
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
function handOver({ parts, shares }: Pass): void {
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
