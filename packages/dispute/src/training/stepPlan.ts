/** The tables of one step of a training, in the order in which each can be computed. Spec: spec/dispute.md §11.2. */
import type { TokenRow } from '@weightless/tensor'
import type { AdapterTarget } from '@weightless/tensor/adapter/adapterTargets'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import { ropeAngles, ropeRows } from '@weightless/tensor/model/ropeTable'
import { decays, type FullOptions } from '@weightless/tensor/train/full/fullOptions'
import { placeSlots } from '@weightless/tensor/train/full/wholeWeights'
import type { LoraOptions } from '@weightless/tensor/train/loraOptions'
import { placeLora } from '@weightless/tensor/train/loraWeights'
import { backwardTables } from './backwardTables.ts'
import { forwardTables } from './forwardTables.ts'
import { JobUndisputableError } from './jobUndisputable.ts'
import { optimiserTables, type StateSlot } from './optimiserTables.ts'
import { type AdapterPlan, adapterList, partName, type RowPlan } from './rowPlan.ts'
import { f } from './rules.ts'
import type { StepTable } from './stepTable.ts'

export type StepFacts<Options> = {
  graph: Graph
  options: Options
  /** Number of the step, from 0. */
  step: number
  rows: readonly TokenRow[]
}

/** Slots: runs of the state's lists, named `p/…`, `m/…`, `v/…` where they are read. */
export type StepPlan = { tables: readonly StepTable[]; slots: readonly StateSlot[] }

/** A step of a training of all weights. @throws {JobUndisputableError} a step that is too large */
export function planFullStep({ graph, options, step, rows }: StepFacts<FullOptions>): StepPlan {
  const slots = placeSlots(graph).map((slot) => ({
    ...slot,
    decay: decays(options, slot.name) ? options.weightDecay : 0,
  }))
  const last = lastOf(rows)
  const gradients = slots.map(({ name, at, rows: height, columns }) => {
    return { table: last(name), at, words: height * columns }
  })
  const tables = [
    ...rowTables(graph, rows, { adapter: undefined, weight: (tensor) => `p/${tensor}` }),
    ...(graph.tied ? [tiedGradient(graph, last)] : []),
    ...optimiserTables({ options, step, slots, gradients }),
  ]
  return bounded({ tables, slots })
}

/** A step of a training of an adapter. Weights of the file are read as `w/…`. @throws {JobUndisputableError} a step that is too large */
export function planLoraStep({ graph, options, step, rows }: StepFacts<LoraOptions>): StepPlan {
  const { places, paddedRank, length } = placeLora(graph, options)
  const placeOf = (layer: number, target: AdapterTarget) =>
    places.find((place) => place.layer === layer && place.target === target)
  const adapter = { paddedRank, scale: f(options.alpha / options.rank), placeOf }
  const last = lastOf(rows)
  const gradients = places.flatMap(({ layer, target, columns, rows: height, a, b }) => [
    { table: last(partName(layer, target, 'A')), at: a, words: paddedRank * columns },
    { table: last(partName(layer, target, 'B')), at: b, words: paddedRank * height },
  ])
  const slots = [{ name: adapterList, at: 0, length, decay: options.weightDecay }]
  const tables = [
    ...rowTables(graph, rows, { adapter, weight: (tensor) => `w/${tensor}` }),
    ...optimiserTables({ options, step, slots, gradients }),
  ]
  return bounded({ tables, slots })
}

/** Numbers of a step at most: a gigabyte, which whoever makes its trace holds. */
const stepWordsMax = 2 ** 28

function bounded(plan: StepPlan): StepPlan {
  const words = plan.tables.reduce((sum, table) => sum + table.words, 0)
  if (words <= stepWordsMax) return plan
  throw new JobUndisputableError({ reason: `a step has ${words} numbers, at most ${stepWordsMax} are traced` })
}

/** @throws {JobUndisputableError} */
export function requirePlannable({ tensors }: Graph): void {
  if (!tensors.has('rope_freqs.weight')) return
  throw new JobUndisputableError({ reason: 'the model has factors of rotation, which no step plan reads' })
}

type Learning = { adapter: AdapterPlan | undefined; weight: (tensor: string) => string }

function rowTables(graph: Graph, rows: readonly TokenRow[], { adapter, weight }: Learning): StepTable[] {
  const counted = rows.reduce((sum, row) => sum + placesOf(row).length, 0)
  const longest = Math.max(...rows.map(({ tokens }) => tokens.length))
  const rope = ropeRows(ropeAngles(graph.rotatedSize, graph.ropeBase), 0, longest)
  return rows.flatMap((row, index) => {
    const plan: RowPlan = {
      graph,
      tokens: row.tokens,
      length: row.tokens.length,
      places: placesOf(row),
      rope,
      factor: f(1 / counted),
      output: graph.tied ? 'token_embd.weight' : 'output.weight',
      adapter,
      weight,
      name: (what, layer) => `row ${index} ${layer === undefined ? '' : `layer ${layer} `}${what}`,
      gradient: (tensor) => `gradient ${tensor}`,
      now: (gradient) => `row ${index} ${gradient}`,
      before: (gradient) => (index === 0 ? undefined : `row ${index - 1} ${gradient}`),
    }
    return [...forwardTables(plan), ...backwardTables(plan)]
  })
}

/** Name of the last sum of a gradient. */
function lastOf(rows: readonly TokenRow[]): (tensor: string) => string {
  return (tensor) => `row ${rows.length - 1} gradient ${tensor}`
}

/** The embedding's gradient where it is the output matrix too. */
function tiedGradient({ vocabSize, width }: Graph, last: (tensor: string) => string): StepTable {
  return {
    name: last('token_embd.weight'),
    words: vocabSize * width,
    rule(read) {
      const [output, input] = [read(last('as output')), read(last('as input'))]
      return (i) => f(output(i) + input(i))
    },
  }
}

function placesOf({ tokens, mask }: TokenRow): number[] {
  return tokens.flatMap((_, i) => (i > 0 && mask[i] === 1 ? [i - 1] : []))
}
