/** What shows that a trainer's commitments to its run contradict the job, or each other. Spec: spec/dispute.md §14.3. */
import type { TokenRow } from '@weightless/tensor'
import type { Path } from '../tree/rootFrom.ts'

/** A state hash with its path in the tree over all states. */
export type StateLeaf = { root: Uint8Array; path: Path }

/** A state as its head and the hash over its lists: together they give its root. */
export type OpenedState = StateLeaf & { head: Uint8Array; top: Uint8Array }

/** Hashes of a table's chunks, with the path of its root in the trace. */
export type OpenedTable = { table: number; digests: Uint8Array; path: Path }

export type List = 'p' | 'm' | 'v'

/** Everything that one word is made from, under the roots of its trainer. */
export type WordOpening = {
  /** Of the step, from 0. */
  step: number
  /** The state before, with the hashes of all its pieces. */
  before: StateLeaf & { head: Uint8Array; digests: Uint8Array }
  /** The state after, whose head binds the rows of the step. */
  after: OpenedState
  rows: readonly TokenRow[]
  table: number
  /** Of the table. */
  word: number
  tables: readonly OpenedTable[]
  chunks: readonly { table: number; chunk: number; bytes: Uint8Array }[]
  pieces: readonly { list: List; piece: number; bytes: Uint8Array }[]
}

export type TrainingAccusation =
  /** The first state is not the one that model and options give. */
  | { kind: 'start'; state: StateLeaf }
  /** The last state is not the one of the receipt. */
  | { kind: 'end'; state: StateLeaf }
  /** The head of the state after so many steps is not the job's. */
  | ({ kind: 'head'; steps: number } & OpenedState)
  /** The state after a step is not the one that its trace ends in. */
  | { kind: 'state'; step: number; after: StateLeaf; tables: readonly OpenedTable[] }
  | ({ kind: 'word' } & WordOpening)
  /** The adapter is not made of the values of the final state. */
  | { kind: 'adapter'; head: Uint8Array; digests: Uint8Array; values: Uint8Array }

export type TrainingFinding =
  | {
      guilty: true
      kind: TrainingAccusation['kind']
      step: number
      what: string
      element: number
      expected: string
      claimed: string
    }
  | { guilty: false; reason: string }

/** Roots that a trainer is held to: over all states, and over the tables of one step, of which it named so many. */
export type TrainingRoots = {
  run?: Uint8Array | undefined
  trace?: { step: number; root: Uint8Array; leaves?: number } | undefined
}
