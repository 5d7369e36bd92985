/**
 * All weights of a model in training as flat lists of f32: values, gradients and both moments, tensor after tensor, each padded with
 * zeroes to whole pieces of 1,024. Spec: spec/training.md §8.2.
 */
import { type AdapterTarget, matrixNames } from '../../adapter/adapterTargets.ts'
import { expectedShapes, type Graph } from '../../model/describeGraph.ts'
import type { EngineParts } from '../../model/engineParts.ts'
import type { LayerWeights, Matrix, Weights } from '../../model/weights.ts'
import { pieceValues } from '../commitState.ts'

/** One tensor's place in the lists, in values. */
export type SlotPlace = {
  name: string
  at: number
  /** 1 for a vector. */
  rows: number
  columns: number
  /** Padding included; a multiple of `pieceValues`. */
  length: number
}

export type WholeSlot = SlotPlace & {
  /** The packed form that kernels read; vectors are read where they are. */
  matrix: Matrix | undefined
}

export type WholeWeights = {
  slots: readonly WholeSlot[]
  byName: ReadonlyMap<string, WholeSlot>
  /** Values in each list. */
  length: number
  /** Addresses of the lists. */
  values: number
  gradients: number
  means: number
  powers: number
  /** Address of the gradient of the embedding as input: a list of its own where it is the output matrix too. */
  embedded: number
  /** Addresses of room: for a list of places in a row of tokens, for two sums as wide as the model, and for a gradient of the output matrix. */
  places: number
  sums: number
  outer: number
}

export function matrixSlot(whole: WholeWeights, layer: number, target: AdapterTarget): WholeSlot {
  return whole.byName.get(`blk.${layer}.${matrixNames[target]}.weight`)!
}

export function vectorSlot(whole: WholeWeights, layer: number | undefined, name: string): WholeSlot {
  return whole.byName.get(layer === undefined ? `${name}.weight` : `blk.${layer}.${name}.weight`)!
}

/** The slot that logits are products with. */
export function outputSlot(whole: WholeWeights): WholeSlot {
  return whole.byName.get('output.weight') ?? whole.byName.get('token_embd.weight')!
}

/**
 * Widens a loaded model's weights to f32 lists, and gives the engine's parts with weights that live there. The encodings loaded are given back.
 * @throws {MemoryExhaustedError}
 */
export function takeWeights(parts: EngineParts): { whole: WholeWeights; parts: EngineParts } {
  const { graph, arena, weights } = parts
  const found = loadedTensors(graph, weights)
  const slots: WholeSlot[] = placeSlots(graph).map((slot) => ({ ...slot, matrix: undefined }))
  const length = slots.reduce((sum, slot) => sum + slot.length, 0)
  const list = () => arena.allocate(length * 4)
  const lists = { values: list(), gradients: list(), means: list(), powers: list() }
  for (const slot of slots) slot.matrix = widen(parts, slot, found.get(slot.name)!, lists.values)
  const byName = new Map(slots.map((slot) => [slot.name, slot]))
  const input = byName.get('token_embd.weight')!
  const output = byName.get('output.weight') ?? input
  const whole: WholeWeights = {
    slots,
    byName,
    length,
    ...lists,
    embedded: graph.tied ? arena.allocate(input.length * 4) : lists.gradients + input.at * 4,
    places: arena.allocate(Math.min(graph.contextLength, 65_536) * 4),
    sums: arena.allocate(graph.width * 8),
    outer: graph.contextLength > 257 ? arena.allocate(output.length * 4) : 0,
  }
  packWeights(whole, parts)
  return { whole, parts: { ...parts, weights: arrangeWhole(graph, whole, weights) } }
}

/** Where each tensor lies in the lists. */
export function placeSlots(graph: Graph): SlotPlace[] {
  let at = 0
  return [...expectedShapes(graph)].map(([name, [columns = 0, rows]]) => {
    const values = rows === undefined ? columns : Math.ceil(rows / 8) * 8 * columns
    const length = Math.ceil(values / pieceValues) * pieceValues
    at += length
    return { name, at: at - length, rows: rows ?? 1, columns, length }
  })
}

/** Renews the packed form after the values have changed. */
export function packWeights({ slots, values }: WholeWeights, { arena }: EngineParts): void {
  for (const { at, columns, matrix } of slots) {
    if (matrix === undefined) continue
    for (let group = 0; group < matrix.groups; group++) {
      const from = values + (at + group * 8 * columns) * 4
      arena.kernels.packFloat(0, from, matrix.address + group * matrix.groupBytes, 8, columns)
    }
  }
}

/** Matrices, and addresses of vectors, by the file's names. */
function loadedTensors(graph: Graph, weights: Weights): Map<string, Matrix | number> {
  const found = new Map<string, Matrix | number>([
    ['token_embd.weight', weights.embedding],
    ['output_norm.weight', weights.outputNorm],
  ])
  if (!graph.tied) found.set('output.weight', weights.output)
  for (const [layer, held] of weights.layers.entries()) {
    const set = (name: string, value: Matrix | number) => found.set(`blk.${layer}.${name}.weight`, value)
    set('attn_norm', held.attentionNorm)
    set('ffn_norm', held.ffnNorm)
    for (const [target, name] of Object.entries(matrixNames)) set(name, held[fields[target as AdapterTarget]])
  }
  return found
}

const fields = {
  q: 'query',
  k: 'key',
  v: 'value',
  o: 'attentionOutput',
  gate: 'gate',
  up: 'up',
  down: 'down',
} as const satisfies Record<AdapterTarget, keyof LayerWeights>

/** Puts a tensor's values into the list; a matrix gets a packed form of f32. */
function widen({ arena }: EngineParts, slot: WholeSlot, held: Matrix | number, values: number): Matrix | undefined {
  const to = values + slot.at * 4
  if (typeof held === 'number') {
    arena.floats(to, slot.columns).set(arena.floats(held, slot.columns))
    arena.release(held)
    return undefined
  }
  for (let row = 0; row < held.rows; row++) {
    const group = held.address + (row >> 3) * held.groupBytes
    arena.kernels.embedRow(group, row & 7, held.kind, held.columns, to + row * held.columns * 4)
  }
  arena.release(held.address)
  const groupBytes = held.columns * 32
  return { ...held, kind: 0, groupBytes, address: arena.allocate(held.groups * groupBytes) }
}

function arrangeWhole(graph: Graph, whole: WholeWeights, weights: Weights): Weights {
  const vector = (name: string, layer?: number) => whole.values + vectorSlot(whole, layer, name).at * 4
  return {
    embedding: whole.byName.get('token_embd.weight')!.matrix!,
    layers: Array.from({ length: graph.layerCount }, (_, layer) => {
      const of = (target: AdapterTarget) => matrixSlot(whole, layer, target).matrix!
      return {
        attentionNorm: vector('attn_norm', layer),
        query: of('q'),
        key: of('k'),
        value: of('v'),
        attentionOutput: of('o'),
        ffnNorm: vector('ffn_norm', layer),
        gate: of('gate'),
        up: of('up'),
        down: of('down'),
      }
    }),
    outputNorm: vector('output_norm'),
    output: outputSlot(whole).matrix!,
    ropeFactors: weights.ropeFactors,
  }
}
