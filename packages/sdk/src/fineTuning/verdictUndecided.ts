/** Refusal of a verdict that no contract reads: who would send it is told before it costs gas. Spec: spec/dispute.md §14.7, §14.8 */
import { WeightlessError } from '@weightless/codec'

export class VerdictUndecidedError extends WeightlessError {
  constructor(facts: { kind: string; what: string }) {
    super('sdk/verdict-undecided', 'No contract decides what this verdict shows.', facts, {
      hint: 'Of trainings contracts decide a run that ends in another state than its receipt says, and a head with another program, step or seed; of adapters also settings, and a word of a step. Whoever has the model judges the rest.',
    })
  }
}
