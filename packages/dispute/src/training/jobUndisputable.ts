/** Of trainings that are not disputed, honest or not. */
import { WeightlessError } from '@weightless/codec'

export class JobUndisputableError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('dispute/job-undisputable', 'The training cannot be disputed.', facts)
  }
}
