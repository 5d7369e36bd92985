/** Which chunks of earlier tables and pieces of the state before one word of a step is made from. Spec: spec/dispute.md §14.2. */
import { recordReads } from './recordReads.ts'
import type { StepPlan } from './stepPlan.ts'
import { chunkWords, type ReadTable } from './stepTable.ts'
import type { StepTrace } from './traceStep.ts'
import type { List } from './trainingAccusation.ts'
import type { TrainingState } from './trainingState.ts'

export type GatheredReads = {
  /** By number, each with the numbers of its chunks. */
  tables: ReadonlyMap<number, ReadonlySet<number>>
  pieces: readonly { list: List; piece: number; bytes: Uint8Array }[]
}

export type OwnStep = {
  plan: StepPlan
  trace: StepTrace
  /** Before the step. */
  state: TrainingState
  /** A tensor of the model's file, widened. */
  weights: (tensor: string) => Float32Array
}

export function gatherReads({ plan, trace, state, weights }: OwnStep, table: number, word: number): GatheredReads {
  const numbers = new Map(plan.tables.map(({ name }, number) => [name, number]))
  const slots = new Map(plan.slots.map((slot) => [slot.name, slot]))
  const read: ReadTable = (name) => {
    if (name.startsWith('w/')) {
      const values = weights(name.slice(2))
      return (i) => values[i]!
    }
    const number = numbers.get(name)
    if (number !== undefined) return trace.words(number)
    const { at } = slots.get(name.slice(2))!
    const list = state[name[0] as List]
    return (i) => list[at + i]!
  }
  const { chunks } = recordReads(plan.tables[table]!, word, read)
  const tables = new Map<number, ReadonlySet<number>>()
  const pieces: { list: List; piece: number; bytes: Uint8Array }[] = []
  for (const [name, set] of chunks) {
    const number = numbers.get(name)
    const slot = slots.get(name.slice(2))
    if (number !== undefined) tables.set(number, set)
    else if (slot && !name.startsWith('w/')) {
      const list = name[0] as List
      for (const at of set) {
        const piece = slot.at / chunkWords + at
        const values = state[list].slice(piece * chunkWords, (piece + 1) * chunkWords)
        pieces.push({ list, piece, bytes: new Uint8Array(values.buffer) })
      }
    }
  }
  return { tables, pieces }
}
