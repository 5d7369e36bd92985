/**
 * The trace of one training step, made on demand: every table computed and committed to. Whoever is asked about a step of its training makes it
 * from the state before. Spec: spec/dispute.md §11.3.
 */
import { buildHashTree, type HashTree, hashLeaf, hashTreeRoot } from '@weightless/crypto'
import { chunkBytes, digestChunks, tableRoot } from './chunkDigests.ts'
import type { StepPlan } from './stepPlan.ts'
import { chunkCount, type ReadTable, type ReadWhole, type ReadWord, type StepTable } from './stepTable.ts'
import type { TrainingState } from './trainingState.ts'

export type StepTrace = {
  /** Hashes of each table's chunks, side by side. */
  digests: readonly Uint8Array[]
  tree: HashTree
  root: Uint8Array
  chunk(table: number, chunk: number): Uint8Array | undefined
  /** Words of a table. */
  words(table: number): ReadWord
  /** Weights and moments after the step. */
  after: TrainingState
}

export type TraceOptions = {
  /** A tensor of the model's file, widened, where steps read it. */
  weights?: (tensor: string) => Float32Array
  /** Changes a table before it is committed to and read by others: for cheaters in tests, and for nobody else. */
  alter?: (table: StepTable, values: Float32Array) => void
}

export function traceStep(
  { tables, slots }: StepPlan,
  before: TrainingState,
  { weights = noWeights, alter }: TraceOptions = {},
): StepTrace {
  const known = new Map<string, Float32Array>()
  for (const [list, values] of Object.entries(before)) {
    for (const { name, at, length } of slots) known.set(`${list}/${name}`, values.subarray(at, at + length))
  }
  const readWhole: ReadWhole = (name) => known.get(name) ?? weights(name.slice(2))
  const read: ReadTable = (name) => {
    const values = readWhole(name)
    return (i) => values[i]!
  }
  const digests = tables.map((table) => {
    const values = table.whole?.(readWhole) ?? computeTable(table, read)
    alter?.(table, values)
    known.set(table.name, values)
    return digestChunks(values)
  })
  const tree = buildHashTree(digests.map((list) => hashLeaf(tableRoot(list))))
  const list = (name: 'p' | 'm' | 'v') => {
    return concatFloats(slots.map((slot) => known.get(`new ${name}/${slot.name}`)!))
  }
  return {
    digests,
    tree,
    root: hashTreeRoot(tree),
    chunk(table, chunk) {
      const planned = tables[table]
      if (planned === undefined || !(chunk >= 0 && chunk < chunkCount(planned.words))) return undefined
      return chunkBytes(known.get(planned.name)!, chunk)
    },
    words(table) {
      const values = known.get(tables[table]!.name)!
      return (i) => values[i]!
    },
    after: { p: list('p'), m: list('m'), v: list('v') },
  }
}

function noWeights(tensor: string): Float32Array {
  throw new Error(`nothing gives ${tensor}`)
}

function computeTable(table: StepTable, read: ReadTable): Float32Array {
  const values = new Float32Array(table.words)
  const word: ReadWord = table.rule(read)
  for (let i = 0; i < values.length; i++) values[i] = word(i)
  return values
}

function concatFloats(lists: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(lists.reduce((sum, list) => sum + list.length, 0))
  let at = 0
  for (const list of lists) {
    whole.set(list, at)
    at += list.length
  }
  return whole
}
