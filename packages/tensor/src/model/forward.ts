/**
 * The forward pass over rows that may belong to several conversations: weights are read once for all of them, attention looks
 * into each row's own cache. A row's bits depend on the tokens of its conversation up to it and on nothing else: not on what
 * shares the pass. Spec: spec/tensor.md §5; a number that is not finite fails its own conversation alone (§1).
 */
import { bodyOperatorCount } from './describeGraph.ts'
import type { EngineParts } from './engineParts.ts'
import { multiply } from './multiply.ts'
import {
  blame,
  handOver,
  type NumberNotFiniteError,
  openPass,
  type Pass,
  quantiseRows,
  record,
  recordHead,
  run,
  type Segment,
} from './passRows.ts'
import { halfRopeRows, ropeRows } from './ropeTable.ts'
import { runLayer } from './runLayer.ts'
import { placeBytes } from './scratch.ts'

/** Logits of the rows that were to have them, in order, valid until the next pass on this model. */
export type SegmentResult = { ok: true; logits: Float32Array[] } | { ok: false; fault: NumberNotFiniteError }

/** @param segments - together 1 to `positionsMax` rows */
export function forward(parts: EngineParts, segments: readonly Segment[]): SegmentResult[] {
  const pass = openPass(parts, segments)
  embed(pass)
  for (let layer = 0; layer < parts.graph.layerCount; layer++) runLayer(pass, layer)
  return runHead(pass)
}

/** Embedding rows, and per row its rotation and the place of its keys and values. */
function embed(pass: Pass): void {
  const { arena, weights, graph, scratch, angles, localAngles } = pass.parts
  const { embedding } = weights
  const places = arena.words(scratch.places, (pass.rows * placeBytes) / 4)
  for (const { tokens, first, cache, row, recorder } of pass.shares) {
    placeTurns(pass, row, first, tokens.length, angles, scratch.cosines, scratch.sines)
    if (localAngles) placeTurns(pass, row, first, tokens.length, localAngles, scratch.localCosines, scratch.localSines)
    tokens.forEach((token, i) => {
      const group = embedding.address + (token >> 3) * embedding.groupBytes
      const to = scratch.x + (row + i) * graph.width * 4
      arena.kernels.embedRow(group, token & 7, embedding.kind, graph.width, to)
      places.set([cache.address, cache.scores, cache.capacity, first + i], ((row + i) * placeBytes) / 4)
    })
    recorder?.begin(first, tokens)
  }
  const { embeddingFactor } = graph.family
  if (embeddingFactor !== 1) arena.kernels.scaleValues(scratch.x, pass.rows * graph.width, embeddingFactor)
  record(pass, 0, scratch.x, graph.width)
}

/** The rotations of positions from `first` on, of rows from `row` on. */
function placeTurns(
  { parts: { arena, graph } }: Pass,
  row: number,
  first: number,
  positions: number,
  angles: Float64Array,
  cosines: number,
  sines: number,
): void {
  const make = graph.family.rotation === 'halves' ? halfRopeRows : ropeRows
  const turns = make(angles, first, positions)
  const offset = row * (turns.cosines.length / positions) * 4
  arena.floats(cosines + offset, turns.cosines.length).set(turns.cosines)
  arena.floats(sines + offset, turns.sines.length).set(turns.sines)
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
    if (graph.family.logitCap > 0) kernels.capValues(scratch.logits, (heads.rows * stride) / 4, graph.family.logitCap)
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
