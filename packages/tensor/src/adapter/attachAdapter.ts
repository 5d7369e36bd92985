/** Puts an adapter beside the loaded weights, and adds its part to a product: y + s·(B·(A·x)). Spec: spec/tensor.md §3.8. */
import { isSpread, spread } from '../crew/spread.ts'
import { type Arena, matrixKinds } from '../kernels/loadKernels.ts'
import type { EngineParts } from '../model/engineParts.ts'
import type { LayerWeights, Matrix, MatrixAdapter, Weights } from '../model/weights.ts'
import { type AdapterTarget, fieldOf } from './adapterTargets.ts'
import type { Adapter } from './readAdapter.ts'

/** Positions that the room is for; more go in turns, with the same bits. */
const positionsTogether = 32

/** The weights with the adapter's matrices beside those that they change. */
export function attachAdapter(weights: Weights, adapter: Adapter, arena: Arena): Weights {
  const paddedRank = Math.ceil(adapter.rank / 8) * 8
  const widest = Math.max(...adapter.parts.map(({ b }) => b.length / adapter.rank))
  const low = arena.allocate(positionsTogether * paddedRank * 4)
  const high = arena.allocate(positionsTogether * Math.ceil(widest / 8) * 32)
  const layers = weights.layers.map((layer): LayerWeights => ({ ...layer }))
  for (const part of adapter.parts) {
    const { layer, rank } = part
    const field = fieldOf(part.target as AdapterTarget)
    const matrix = layers[layer]![field]
    const a = packMatrix(arena, part.a, rank, matrix.columns, matrix.columns)
    // Columns beyond the rank are zero: they meet the rows by which A is padded.
    const b = packMatrix(arena, part.b, matrix.rows, rank, paddedRank)
    layers[layer]![field] = { ...matrix, adapter: { a, b, scale: adapter.scale, low, high } }
  }
  return { ...weights, layers }
}

function packMatrix(arena: Arena, values: Float32Array, rows: number, columns: number, padded: number): Matrix {
  const groups = Math.ceil(rows / 8)
  const groupBytes = padded * 32
  const address = arena.allocate(groups * groupBytes)
  const target = arena.floats(address, groups * padded * 8)
  for (let row = 0; row < rows; row++) {
    const to = (row >> 3) * padded * 8 + (row & 7)
    for (let column = 0; column < columns; column++) target[to + column * 8] = values[row * columns + column]!
  }
  return { kind: matrixKinds.float, address, rows, columns: padded, groups, groupBytes }
}

/** out = out + s·(B·(A·input)) for rows of `input` (f32, as wide as A) and `outStrideBytes` between those of out. */
export function addAdapter(
  parts: EngineParts,
  { a, b, scale, low, high }: MatrixAdapter,
  input: number,
  out: number,
  outStrideBytes: number,
  positions: number,
): void {
  for (let first = 0; first < positions; first += positionsTogether) {
    const count = Math.min(positionsTogether, positions - first)
    const x = input + first * a.columns * 4
    const [lowStride, highStride] = [b.columns * 4, b.groups * 32]
    parts.arena.kernels.matmulFloat(a.address, x, low, a.groups, a.columns, count, lowStride)
    spread(parts, b.groups, count, (from, some) => {
      const [w, to] = [b.address + from * b.groupBytes, high + from * 32]
      parts.round.add('matmulFloat', w, low, to, some, b.columns, count, highStride)
    })
    parts.round.run(isSpread(parts, count))
    const to = out + first * outStrideBytes
    parts.arena.kernels.addScaled(to, outStrideBytes, high, highStride, b.rows, count, scale)
  }
}
