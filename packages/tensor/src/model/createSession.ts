/**
 * One conversation on a model: a key–value cache and the forward pass over one or several new positions. A position's
 * bits depend on the tokens up to it and on nothing else: not on chunks, other sessions or the machine.
 */
import { WeightlessError } from '@weightless/codec'
import { shareOut } from '../crew/shareOut.ts'
import type { StepRecorder } from '../trace/recordSteps.ts'
import { bodyOperatorCount, layerOperators, operatorName } from './describeGraph.ts'
import { allocateCache, growCache, type KeyValueCache, keysOf, releaseCache, valuesOf } from './keyValueCache.ts'
import type { EngineParts } from './loadModel.ts'
import type { Matrix } from './loadWeights.ts'
import { multiply } from './multiply.ts'
import { ropeRows } from './ropeTable.ts'
import { positionsMax } from './scratch.ts'

export type Session = {
  /** Positions in the cache. */
  length: number
  capacity: number
  /**
   * Appends 1 to `positionsMax` tokens. `logitsFrom` is the index of the first of them whose logits are wanted
   * (`tokens.length` for none); rows of the result follow in order, valid until the next call on this model.
   * @throws {ContextFullError} {NumberNotFiniteError}
   */
  append(tokens: readonly number[], logitsFrom: number, recorder?: StepRecorder): Float32Array[]
  /** Forgets positions from `length` on. */
  truncate(length: number): void
  /** Gives the cache's memory back. */
  close(): void
}

export { positionsMax }

const firstCapacity = 512

/** @param capacity - positions that the session may come to hold; memory is taken as they come */
export function createSession(parts: EngineParts, capacity: number): Session {
  const capacityMax = Math.ceil(capacity / 16) * 16
  let cache = allocateCache(parts, Math.min(firstCapacity, capacityMax))
  let length = 0
  let open = true
  return {
    get length() {
      return length
    },
    capacity: capacityMax,
    append(tokens, logitsFrom, recorder) {
      const needed = length + tokens.length
      if (!open || tokens.length < 1 || tokens.length > positionsMax || needed > capacityMax) {
        throw new ContextFullError({ capacity: open ? capacityMax : 0, needed })
      }
      if (needed > cache.capacity) cache = growCache(parts, cache, Math.min(capacityMax, cache.capacity * 2), length)
      const pass: Pass = { parts, tokens, first: length, cache, recorder }
      embed(pass)
      for (let layer = 0; layer < parts.graph.layerCount; layer++) runLayer(pass, layer)
      length = needed
      return runHead(pass, logitsFrom)
    },
    truncate(to) {
      length = Math.min(length, Math.max(0, to))
    },
    close() {
      if (open) releaseCache(parts, cache)
      open = false
    },
  }
}

type Pass = {
  parts: EngineParts
  tokens: readonly number[]
  first: number
  cache: KeyValueCache
  recorder: StepRecorder | undefined
}

function embed(pass: Pass): void {
  const { arena, weights, graph, scratch } = pass.parts
  const { embedding } = weights
  const angles = ropeRows(pass.parts.angles, pass.first, pass.tokens.length)
  arena.floats(scratch.cosines, angles.cosines.length).set(angles.cosines)
  arena.floats(scratch.sines, angles.sines.length).set(angles.sines)
  pass.tokens.forEach((token, i) => {
    const group = embedding.address + (token >> 3) * embedding.groupBytes
    arena.kernels.embedRow(group, token & 7, embedding.kind, graph.width, scratch.x + i * graph.width * 4)
  })
  pass.recorder?.begin(pass.first, pass.tokens)
  record(pass, 0, scratch.x, graph.width)
}

function runLayer(pass: Pass, layer: number): void {
  const { arena, graph, weights, scratch } = pass.parts
  const { kernels } = arena
  const w = weights.layers[layer]!
  const positions = pass.tokens.length
  const { width, hiddenWidth } = graph
  const operator = 1 + layer * layerOperators.length

  kernels.rmsNorm(scratch.x, w.attentionNorm, scratch.y, width, positions, graph.epsilon)
  record(pass, operator, scratch.y, width)
  project(pass, [w.query, w.key, w.value], scratch.y, operator)
  const queryWidth = graph.headCount * graph.headSize
  const stride = scratch.qkvWidth * 4
  attend(pass, layer, operator, stride)
  record(pass, operator + 2, scratch.mix, queryWidth)
  quantiseRows(pass, scratch.mix, queryWidth, [w.attentionOutput], operator + 2)
  multiply(pass.parts, w.attentionOutput, scratch.mix, scratch.y, width * 4, positions)
  kernels.addInto(scratch.x, scratch.y, positions * width)
  record(pass, operator + 3, scratch.x, width)

  kernels.rmsNorm(scratch.x, w.ffnNorm, scratch.y, width, positions, graph.epsilon)
  record(pass, operator + 4, scratch.y, width)
  quantiseRows(pass, scratch.y, width, [w.gate, w.up], operator + 4)
  multiply(pass.parts, w.gate, scratch.y, scratch.gate, hiddenWidth * 4, positions)
  multiply(pass.parts, w.up, scratch.y, scratch.up, hiddenWidth * 4, positions)
  shareOut(pass.parts, 'siluMultiply', positions, positions, (from, count) => {
    const at = from * hiddenWidth * 4
    return [scratch.gate + at, scratch.up + at, count * hiddenWidth]
  })
  record(pass, operator + 5, scratch.gate, hiddenWidth)
  quantiseRows(pass, scratch.gate, hiddenWidth, [w.down], operator + 5)
  multiply(pass.parts, w.down, scratch.gate, scratch.y, width * 4, positions)
  kernels.addInto(scratch.x, scratch.y, positions * width)
  record(pass, operator + 6, scratch.x, width)
}

/** Queries, keys and values side by side in one row per position. */
function project(pass: Pass, matrices: readonly Matrix[], input: number, operator: number): void {
  const { graph, scratch } = pass.parts
  quantiseRows(pass, input, graph.width, matrices, operator)
  let column = 0
  for (const matrix of matrices) {
    multiply(pass.parts, matrix, input, scratch.qkv + column * 4, scratch.qkvWidth * 4, pass.tokens.length)
    column += matrix.rows
  }
}

function attend(pass: Pass, layer: number, operator: number, stride: number): void {
  const { parts } = pass
  const { arena, graph, scratch } = parts
  const { kernels } = arena
  const { headCount, keyHeadCount, headSize, rotatedSize } = graph
  const positions = pass.tokens.length
  const { capacity, scores, scoresBytes } = pass.cache
  const keys = keysOf(parts, pass.cache, layer)
  const values = valuesOf(parts, pass.cache, layer)
  const { cosines, sines, qkv } = scratch
  // Queries and keys are neighbours, so one call turns the heads of both.
  kernels.rotate(qkv, stride, headCount + keyHeadCount, headSize, rotatedSize, cosines, sines, positions)
  record(pass, operator + 1, qkv, scratch.qkvWidth)
  const k = qkv + headCount * headSize * 4
  const v = k + keyHeadCount * headSize * 4
  kernels.storeKeys(k, v, stride, keys, values, keyHeadCount, headSize, capacity, pass.first, positions)
  shareOut(parts, 'attend', positions, positions, (from, count, member) => {
    const [query, out] = [qkv + from * stride, scratch.mix + from * headCount * headSize * 4]
    const own = scores + member * scoresBytes
    const shape = [headCount, keyHeadCount, headSize, capacity, pass.first + from, count]
    return [query, stride, out, keys, values, own, ...shape, parts.scoreFactor]
  })
}

/** Quantises the rows that one of the matrices will read as integers. */
function quantiseRows(pass: Pass, input: number, width: number, readers: readonly Matrix[], operator: number): void {
  const { arena, scratch, graph } = pass.parts
  const count = pass.tokens.length * width
  const bad = readers.some((matrix) => matrix.kind !== 0)
    ? arena.kernels.quantise(input, scratch.q, scratch.scales, scratch.sums, count / 32)
    : arena.kernels.hasNonFinite(input, count)
  if (bad) throw new NumberNotFiniteError({ operator: operatorName(graph.layerCount, operator), position: pass.first })
}

function runHead(pass: Pass, logitsFrom: number): Float32Array[] {
  const { arena, graph, weights, scratch } = pass.parts
  const { kernels } = arena
  const rows: Float32Array[] = []
  const base = bodyOperatorCount(graph.layerCount)
  const padded = weights.output.groups * 8
  const count = pass.tokens.length - logitsFrom
  if (count <= 0) {
    checkFinite(pass, scratch.x, pass.tokens.length * graph.width, base - 1)
    return rows
  }
  const input = scratch.x + logitsFrom * graph.width * 4
  const head: Pass = { ...pass, tokens: pass.tokens.slice(logitsFrom), first: pass.first + logitsFrom }
  kernels.rmsNorm(input, weights.outputNorm, scratch.y, graph.width, count, graph.epsilon)
  quantiseRows(head, scratch.y, graph.width, [weights.output], base)
  multiply(pass.parts, weights.output, scratch.y, scratch.logits, padded * 4, count)
  for (let i = 0; i < count; i++) {
    const row = scratch.logits + i * padded * 4
    checkFinite(head, row, padded, base + 1)
    pass.recorder?.record(logitsFrom + i, base, arena.bytes(scratch.y + i * graph.width * 4, graph.width * 4))
    pass.recorder?.record(logitsFrom + i, base + 1, arena.bytes(row, graph.vocabSize * 4))
    rows.push(arena.floats(row, graph.vocabSize))
  }
  return rows
}

function checkFinite(pass: Pass, address: number, count: number, operator: number): void {
  if (!pass.parts.arena.kernels.hasNonFinite(address, count)) return
  const { layerCount } = pass.parts.graph
  throw new NumberNotFiniteError({ operator: operatorName(layerCount, operator), position: pass.first })
}

function record(pass: Pass, operator: number, address: number, width: number): void {
  if (pass.recorder === undefined) return
  for (let i = 0; i < pass.tokens.length; i++) {
    pass.recorder.record(i, operator, pass.parts.arena.bytes(address + i * width * 4, width * 4))
  }
}

export class ContextFullError extends WeightlessError {
  constructor(facts: { capacity: number; needed: number }) {
    super('tensor/context-full', 'The conversation does not fit in its context.', facts)
  }
}

export class NumberNotFiniteError extends WeightlessError {
  constructor(facts: { operator: string; position: number }) {
    super('tensor/number-not-finite', 'The model produced an infinite or undefined number.', facts)
  }
}
