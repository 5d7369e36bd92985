/** What is shown against a provider. Spec: spec/dispute.md §7. */
import type { Path } from '../tree/rootFrom.ts'
import type { StepOpening } from './stepOpening.ts'

export type OpenedChunk = { chunk: number; bytes: Uint8Array; path: Path }

/** Parts of the working of `operator` at the step's position. Its root is no part of it: that is the provider's word, and must come from it. */
export type WorkingOpening = {
  step: StepOpening
  operator: number
  chunks: readonly OpenedChunk[]
}

export type Accusation =
  /** The unit that begins at word `index` of table `table` is not what its rule gives. */
  | { kind: 'word'; working: WorkingOpening; table: number; index: number }
  /** The last state of row `row` of chain `table` is not the digest that `bound` has for that row's operator. */
  | { kind: 'bound'; working: WorkingOpening; table: number; row: number; bound: StepOpening }
  /** The step has not as many operators as the model. */
  | { kind: 'count'; step: StepOpening }
  /** The step after `step` does not go on with the token that was chosen. */
  | { kind: 'token'; step: StepOpening; next: StepOpening; record: Uint8Array }
  /** What was chosen at `step`, under a mask, is another token. `said`: steps of the answer so far, `logits`: output of `output.logits`. */
  | { kind: 'choice'; step: StepOpening; said: readonly StepOpening[]; logits: Uint8Array }

/** What a receipt commits to, and what is known of the model. */
export type Finding =
  | {
      guilty: true
      /** For example `layer 7 ffn.gate`. */
      operator: string
      position: number
      /** Name of the table; `token`, `operators` where that is what differs. */
      what: string
      /** Which number of the table. */
      element: number
      expected: string
      claimed: string
    }
  /** The accusation shows nothing: its parts do not belong to the commitments, or what is claimed is right. */
  | { guilty: false; reason: string }
