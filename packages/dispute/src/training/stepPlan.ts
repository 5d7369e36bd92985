/** The tables of one step of a training of all weights, in the order in which each can be computed. Spec: spec/dispute.md §11.2. */
import type { TokenRow } from '@weightless/tensor'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import { ropeAngles, ropeRows } from '@weightless/tensor/model/ropeTable'
import type { FullOptions } from '@weightless/tensor/train/full/fullOptions'
import { placeSlots, type SlotPlace } from '@weightless/tensor/train/full/wholeWeights'
import { backwardTables } from './backwardTables.ts'
import { forwardTables } from './forwardTables.ts'
import { optimiserTables } from './optimiserTables.ts'
import type { RowPlan } from './rowPlan.ts'
import { f } from './rules.ts'
import type { StepTable } from './stepTable.ts'

export type StepFacts = {
  graph: Graph
  options: FullOptions
  /** Number of the step, from 0. */
  step: number
  rows: readonly TokenRow[]
}

export type StepPlan = { tables: readonly StepTable[]; slots: readonly SlotPlace[] }

export function planTrainingStep({ graph, options, step, rows }: StepFacts): StepPlan {
  const slots = placeSlots(graph)
  const counted = rows.reduce((sum, row) => sum + placesOf(row).length, 0)
  const longest = Math.max(...rows.map(({ tokens }) => tokens.length))
  const rope = ropeRows(ropeAngles(graph.rotatedSize, graph.ropeBase), 0, longest)
  const tables = rows.flatMap((row, index) => {
    const plan: RowPlan = {
      graph,
      tokens: row.tokens,
      length: row.tokens.length,
      places: placesOf(row),
      rope,
      factor: f(1 / counted),
      output: graph.tied ? 'token_embd.weight' : 'output.weight',
      name: (what, layer) => `row ${index} ${layer === undefined ? '' : `layer ${layer} `}${what}`,
      gradient: (tensor) => `gradient ${tensor}`,
      now: (gradient) => `row ${index} ${gradient}`,
      before: (gradient) => (index === 0 ? undefined : `row ${index - 1} ${gradient}`),
    }
    return [...forwardTables(plan), ...backwardTables(plan)]
  })
  const last = (tensor: string) => `row ${rows.length - 1} gradient ${tensor}`
  return { tables: [...tables, ...optimiserTables({ graph, options, step, slots, last })], slots }
}

function placesOf({ tokens, mask }: TokenRow): number[] {
  return tokens.flatMap((_, i) => (i > 0 && mask[i] === 1 ? [i - 1] : []))
}
