/** The forward pass of an encoder over some texts at once; the rows of one do not depend on the others. Spec: TENSOR §10.3 */
import type { Arena } from '../kernels/loadKernels.ts'
import type { EncoderKernels } from './encoderKernels.ts'
import type { EncoderLayer, EncoderWeights } from './loadEncoderWeights.ts'
import type { EncoderConfig } from './readEncoderConfig.ts'

export type EncoderParts = {
  arena: Arena
  kernels: EncoderKernels
  config: EncoderConfig
  weights: EncoderWeights
  scratch: EncoderScratch
}

/** Addresses of buffers for `config.positions` positions. */
export type EncoderScratch = { x: number; y: number; qkv: number; hidden: number; attention: number; panel: number }

export function allocateEncoderScratch({ positions, width, hiddenWidth, heads }: EncoderConfig, arena: Arena) {
  const even = positions + 8
  const rows = (size: number) => arena.allocate(even * size * 4)
  const size = width / heads
  return {
    x: rows(width),
    y: rows(width),
    qkv: rows(3 * width),
    hidden: rows(hiddenWidth),
    attention: arena.allocate((2 * even * size + 68 * even + 64) * 4),
    panel: arena.allocate(8_192),
  }
}

/** Rows that a text takes up in a pass: the kernels take four positions at a time. */
export function rowsOf(length: number): number {
  return Math.ceil(length / 4) * 4
}

/**
 * @param texts - each framed; together at most `config.positions` rows
 * @returns the last layer's values of each, [positions][width]
 */
export function encodeRows(parts: EncoderParts, texts: readonly (readonly number[])[]): Float32Array[] {
  const { arena, config, weights, scratch } = parts
  const { width } = config
  let rows = 0
  const spans = texts.map((tokens) => {
    const span = { start: rows, length: tokens.length }
    rows += rowsOf(tokens.length)
    return span
  })
  arena.floats(scratch.x, rows * width).fill(0)
  for (const [i, tokens] of texts.entries()) embedTokens(parts, tokens, scratch.x + spans[i]!.start * width * 4)
  const { weight, bias } = weights.norm
  parts.kernels.layerNorm(scratch.x, weight, bias, scratch.x, width, rows, config.epsilon)
  for (const layer of weights.layers) runLayer(parts, layer, spans, rows)
  return spans.map(({ start, length }) => arena.floats(scratch.x + start * width * 4, length * width).slice())
}

/** (word + type 0) + position, in this order. */
function embedTokens({ arena, config, weights }: EncoderParts, tokens: readonly number[], to: number): void {
  const rowBytes = config.width * 4
  const memory = arena.bytes(0, arena.sizeBytes())
  tokens.forEach((token, position) => {
    const at = to + position * rowBytes
    const from = weights.words + token * rowBytes
    memory.copyWithin(at, from, from + rowBytes)
    arena.kernels.addInto(at, weights.types, config.width)
    arena.kernels.addInto(at, weights.places + position * rowBytes, config.width)
  })
}

/** From x to x; y, qkv and hidden are between. */
function runLayer(
  parts: EncoderParts,
  layer: EncoderLayer,
  spans: readonly { start: number; length: number }[],
  rows: number,
) {
  const { arena, kernels, config, scratch } = parts
  const { width, hiddenWidth, heads, epsilon } = config
  const { x, y, qkv, hidden } = scratch
  const multiply = (matrix: number, from: number, columns: number, to: number, outputs: number) =>
    arena.kernels.gemmRows(0, matrix, from, columns * 4, to, outputs * 4, outputs / 8, columns, rows, scratch.panel)
  multiply(layer.qkv, x, width, qkv, 3 * width)
  kernels.addBias(qkv, layer.qkvBias, 3 * width, rows)
  const size = width / heads
  const factor = Math.fround(1 / Math.sqrt(size))
  for (const { start, length } of spans) {
    const [from, to] = [qkv + start * width * 12, y + start * width * 4]
    kernels.attendWhole(from, to, length, heads, size, factor, scratch.attention)
  }
  multiply(layer.mix, y, width, hidden, width)
  closeBlock(hidden, layer.mixBias, layer.mixNorm)
  multiply(layer.up, x, width, hidden, hiddenWidth)
  kernels.biasGelu(hidden, layer.upBias, hiddenWidth, rows)
  multiply(layer.down, hidden, hiddenWidth, y, width)
  closeBlock(y, layer.downBias, layer.downNorm)

  /** x = norm((made + bias) + x) */
  function closeBlock(made: number, biasAt: number, { weight, bias }: EncoderLayer['mixNorm']): void {
    kernels.addBias(made, biasAt, width, rows)
    arena.kernels.addInto(made, x, rows * width)
    kernels.layerNorm(made, weight, bias, x, width, rows, epsilon)
  }
}
