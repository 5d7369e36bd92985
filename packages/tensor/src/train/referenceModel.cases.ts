/** The loss of a model, perhaps with an adapter, in f64 and plain loops, written from spec/training.md §3 and not from the kernels. */
import { fieldOf } from '../adapter/adapterTargets.ts'
import type { EngineParts } from '../model/engineParts.ts'
import type { Matrix } from '../model/weights.ts'
import type { TokenRow } from './forwardPass.ts'
import type { WholeWeights } from './full/wholeWeights.ts'
import type { LoraSlot } from './loraWeights.ts'

export type Adapter = {
  slots: readonly LoraSlot[]
  rank: number
  paddedRank: number
  scale: number
  values: Float64Array
}

type Weights = { rows: (matrix: Matrix) => Float64Array[]; vector: (address: number) => ArrayLike<number> }

/** Dequantised rows of a matrix. */
function createReader({ arena, graph }: EngineParts): Weights {
  const known = new Map<number, Float64Array[]>()
  const vector = (address: number) => Float64Array.from(arena.floats(address, graph.width))
  const rows = (matrix: Matrix) => {
    const found = known.get(matrix.address)
    if (found !== undefined) return found
    const room = arena.allocate(matrix.columns * 4)
    const widened = Array.from({ length: matrix.rows }, (_, row) => {
      const group = matrix.address + (row >> 3) * matrix.groupBytes
      arena.kernels.embedRow(group, row & 7, matrix.kind, matrix.columns, room)
      return Float64Array.from(arena.floats(room, matrix.columns))
    })
    arena.release(room)
    known.set(matrix.address, widened)
    return widened
  }
  return { rows, vector }
}

/** Mean loss over counted tokens of the rows, as a function of the adapter's values. */
export function referenceLoss(parts: EngineParts, adapter: Omit<Adapter, 'values'>) {
  const read = createReader(parts)
  return (values: Float64Array, rows: readonly TokenRow[]): number =>
    meanLoss(rows, (tokens) => logitsOf(parts, read, { ...adapter, values }, tokens))
}

/** Mean loss over counted tokens of the rows, as a function of all weights. */
export function referenceWholeLoss(parts: EngineParts, whole: WholeWeights) {
  const slots = new Map(whole.slots.flatMap((slot) => (slot.matrix ? [[slot.matrix.address, slot] as const] : [])))
  return (values: Float64Array, rows: readonly TokenRow[]): number => {
    const read: Weights = {
      rows(matrix) {
        const { at, columns } = slots.get(matrix.address)!
        return Array.from({ length: matrix.rows }, (_, row) => {
          return values.subarray(at + row * columns, at + (row + 1) * columns)
        })
      },
      vector: (address) =>
        values.subarray((address - whole.values) / 4, (address - whole.values) / 4 + parts.graph.width),
    }
    const none = { slots: [], rank: 0, paddedRank: 0, scale: 0, values }
    return meanLoss(rows, (tokens) => logitsOf(parts, read, none, tokens))
  }
}

function meanLoss(rows: readonly TokenRow[], logitsFor: (tokens: readonly number[]) => number[][]): number {
  let loss = 0
  let counted = 0
  for (const { tokens, mask } of rows) {
    const logits = logitsFor(tokens)
    for (let i = 1; i < tokens.length; i++) {
      if (mask[i] !== 1) continue
      const row = logits[i - 1]!
      const top = Math.max(...row)
      loss += Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0)) + top - row[tokens[i]!]!
      counted++
    }
  }
  return loss / counted
}

function logitsOf(parts: EngineParts, read: Weights, adapter: Adapter, tokens: readonly number[]): number[][] {
  const { graph, weights } = parts
  const { vector } = read
  const embedding = read.rows(weights.embedding)
  let x = tokens.map((token) => Array.from(embedding[token]!))
  for (const [layer, w] of weights.layers.entries()) {
    const apply = (target: LoraSlot['target'], input: number[]) => {
      const out = read.rows(w[fieldOf(target)]).map((row) => dot(row, input))
      const slot = adapter.slots.find((candidate) => candidate.layer === layer && candidate.target === target)
      if (slot === undefined) return out
      const { values, rank, paddedRank, scale } = adapter
      const low = Array.from({ length: rank }, (_, r) => {
        return dot(values.subarray(slot.a + r * slot.columns, slot.a + (r + 1) * slot.columns), input)
      })
      return out.map((value, i) => {
        return value + scale * dot(values.subarray(slot.b + i * paddedRank, slot.b + i * paddedRank + rank), low)
      })
    }
    const normal = x.map((row) => norm(row, vector(w.attentionNorm), graph.epsilon))
    const q = normal.map((row, t) => turn(parts, apply('q', row), t))
    const k = normal.map((row, t) => turn(parts, apply('k', row), t))
    const v = normal.map((row) => apply('v', row))
    const mixed = q.map((row, t) => attend(parts, row, k.slice(0, t + 1), v))
    const middle = x.map((row, t) => add(row, apply('o', mixed[t]!)))
    x = middle.map((row) => {
      const y = norm(row, vector(w.ffnNorm), graph.epsilon)
      const up = apply('up', y)
      const gated = apply('gate', y).map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!)
      return add(row, apply('down', gated))
    })
  }
  const output = read.rows(weights.output)
  return x.map((row) => {
    const y = norm(row, vector(weights.outputNorm), graph.epsilon)
    return output.map((weight) => dot(weight, y))
  })
}

function turn({ graph, angles }: EngineParts, row: number[], position: number): number[] {
  const out = row.slice()
  for (let head = 0; head < row.length; head += graph.headSize) {
    for (let pair = 0; pair < graph.rotatedSize / 2; pair++) {
      const [c, s] = [Math.cos(position * angles[pair]!), Math.sin(position * angles[pair]!)]
      const [a, b] = [row[head + 2 * pair]!, row[head + 2 * pair + 1]!]
      out[head + 2 * pair] = a * c - b * s
      out[head + 2 * pair + 1] = b * c + a * s
    }
  }
  return out
}

function attend({ graph }: EngineParts, q: number[], keys: number[][], values: number[][]): number[] {
  const { headCount, keyHeadCount, headSize } = graph
  const out: number[] = []
  for (let head = 0; head < headCount; head++) {
    const from = Math.floor(head / (headCount / keyHeadCount)) * headSize
    const query = q.slice(head * headSize, (head + 1) * headSize)
    const scores = keys.map((key) => dot(key.slice(from, from + headSize), query) / Math.sqrt(headSize))
    const top = Math.max(...scores)
    const weights = scores.map((score) => Math.exp(score - top))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    for (let d = 0; d < headSize; d++) {
      out.push(weights.reduce((sum, weight, j) => sum + weight * values[j]![from + d]!, 0) / total)
    }
  }
  return out
}

function norm(x: number[], weight: ArrayLike<number>, epsilon: number): number[] {
  const factor = 1 / Math.sqrt(dot(x, x) / x.length + epsilon)
  return x.map((value, i) => value * factor * weight[i]!)
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

function add(a: number[], b: number[]): number[] {
  return a.map((value, i) => value + b[i]!)
}
