/** A trainer in a dispute: what it is asked, and how one who keeps its states answers. Spec: spec/dispute.md §11.3. */
import { buildHashTree, type HashTree, hashLeaf, hashTreePath, hashTreeRoot } from '@weightless/crypto'
import { topOf } from '@weightless/tensor/train/commitState'
import { levelsAtOnce } from '../tree/firstDifference.ts'
import type { Path } from '../tree/rootFrom.ts'
import { chunkBytes } from './chunkDigests.ts'
import { chunkCount } from './stepTable.ts'
import type { StepTrace } from './traceStep.ts'
import { pieceDigests, type TrainingState } from './trainingState.ts'

/** Every answer may be missing: the party then has withheld it. Steps are those that follow a state: step 0 comes first. */
export type TrainingParty = {
  /** Hashes up to four levels below a node of the tree over all states. */
  runHashes(level: number, index: number): Promise<readonly Uint8Array[] | undefined>
  /** State hash after so many steps, with its path. */
  state(steps: number): Promise<{ root: Uint8Array; path: Path } | undefined>
  /** Head of that state, and the hash over its lists. */
  opening(steps: number): Promise<{ head: Uint8Array; top: Uint8Array } | undefined>
  /** Hashes of all pieces of that state, side by side. */
  pieces(steps: number): Promise<Uint8Array | undefined>
  piece(steps: number, list: 'p' | 'm' | 'v', piece: number): Promise<Uint8Array | undefined>
  /** Root over the tables of a step. */
  traceRoot(step: number): Promise<Uint8Array | undefined>
  traceHashes(step: number, level: number, index: number): Promise<readonly Uint8Array[] | undefined>
  /** Hashes of a table's chunks, with the path of its root. */
  table(step: number, table: number): Promise<{ digests: Uint8Array; path: Path } | undefined>
  chunk(step: number, table: number, chunk: number): Promise<Uint8Array | undefined>
}

/** The tree over state hashes, from that before the first step on. */
export function runTree(states: readonly Uint8Array[]): HashTree {
  return buildHashTree(states.map(hashLeaf))
}

export type TrainingRecord = {
  /** State hashes, from that before the first step on. */
  states: readonly Uint8Array[]
  /** Bytes of a state's head. */
  headAt(steps: number): Uint8Array
  /** A state, from what was saved or by training up to it again. */
  stateAt(steps: number): Promise<TrainingState>
  /** The trace of a step; the last one asked for is kept. */
  traceAt(step: number): Promise<StepTrace>
}

/** @returns the root that the party committed to, and its answers */
export function openTrainingParty(record: TrainingRecord): { root: Uint8Array; party: TrainingParty } {
  const tree = runTree(record.states)
  const kept: { step: number; trace: StepTrace }[] = []
  const traceOf = async (step: number): Promise<StepTrace | undefined> => {
    if (!(step >= 0 && step + 1 < record.states.length)) return undefined
    if (kept[0]?.step !== step) kept[0] = { step, trace: await record.traceAt(step) }
    return kept[0].trace
  }
  const party: TrainingParty = {
    runHashes: async (level, index) => hashesBelow(tree, level, index),
    async state(steps) {
      const root = record.states[steps]
      return root && { root, path: hashTreePath(tree, steps) }
    },
    async opening(steps) {
      if (!record.states[steps]) return undefined
      return { head: record.headAt(steps), top: topOf(pieceDigests(await record.stateAt(steps))) }
    },
    async pieces(steps) {
      return record.states[steps] && pieceDigests(await record.stateAt(steps))
    },
    async piece(steps, list, piece) {
      const values = record.states[steps] && (await record.stateAt(steps))[list]
      return values && piece >= 0 && piece < chunkCount(values.length) ? chunkBytes(values, piece) : undefined
    },
    traceRoot: async (step) => (await traceOf(step))?.root,
    async traceHashes(step, level, index) {
      const trace = await traceOf(step)
      return trace && hashesBelow(trace.tree, level, index)
    },
    async table(step, table) {
      const trace = await traceOf(step)
      const digests = trace?.digests[table]
      return digests && { digests, path: hashTreePath(trace!.tree, table) }
    },
    chunk: async (step, table, chunk) => (await traceOf(step))?.chunk(table, chunk),
  }
  return { root: hashTreeRoot(tree), party }
}

function hashesBelow({ levels }: HashTree, level: number, index: number): readonly Uint8Array[] | undefined {
  if (!(level > 0 && level < levels.length && index >= 0 && index < levels[level]!.length)) return undefined
  const down = Math.min(level, levelsAtOnce)
  return levels[level - down]!.slice(index << down, (index + 1) << down)
}
