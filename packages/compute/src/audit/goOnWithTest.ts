/**
 * The sequential test of one target in one round: each outcome is kept before the next question is asked, so that an auditor
 * that is restarted goes on where it was. Spec: spec/alignment.md 10.7, 11.1
 */
import type { Outcome } from './evidence.ts'
import { type Sprt, type SprtDecision, type SprtState, sprtStart } from './sprt.ts'

export type BegunTest = {
  /** Where the test stood after earlier rounds. */
  before: SprtState
  /** Outcomes of this round from before a restart, in their order. */
  seen?: readonly Outcome[]
  /** Resolves when the outcome is durable. */
  keep?(outcome: Outcome): Promise<void>
}

export type RunningTest = {
  outcomes: readonly Outcome[]
  /** Number of the next question. */
  next(): number
  add(outcome: Outcome): Promise<void>
  decide(): SprtDecision
  /** Where the next round goes on: after a decision the test begins anew. */
  after(): SprtState
}

export function goOnWithTest(test: Sprt, { before, seen = [], keep }: BegunTest): RunningTest {
  const outcomes = [...seen]
  let state = observeAll(test, before, seen)
  return {
    outcomes,
    next: () => (outcomes.at(-1)?.index ?? -1) + 1,
    async add(outcome) {
      await keep?.(outcome)
      outcomes.push(outcome)
      state = observeAll(test, state, [outcome])
    },
    decide: () => test.decide(state),
    after: () => (test.decide(state) === 'open' ? state : sprtStart),
  }
}

/** What nobody can be held to, and what others chose, counts for nothing. */
export function observeAll(test: Sprt, before: SprtState, outcomes: readonly Outcome[]): SprtState {
  const counted = outcomes.filter(({ verdict, isShared }) => verdict !== 'void' && !isShared)
  return counted.reduce((state, { verdict }) => test.observe(state, verdict !== 'right'), before)
}
