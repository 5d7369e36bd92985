/**
 * Wald's sequential probability ratio test between two rates of failure: looks at one outcome after the other and stops as
 * soon as they decide, with stated errors. Spec: spec/alignment.md 11
 */
import { WeightlessError } from '@weightless/codec'

export type SprtPlan = {
  /** Rate of failures of an honest target, and of one that is to be found; 0 < `honest` < `cheating` < 1. */
  honest: number
  cheating: number
  /** Chance that an honest target is called faulty, and that a cheating one is called clean. */
  alpha: number
  beta: number
}

export type SprtDecision = 'open' | 'clean' | 'faulty'

/** Log-likelihood ratio so far, natural; 0 at the beginning. */
export type SprtState = { ratio: number; samples: number }

export const sprtStart: SprtState = { ratio: 0, samples: 0 }

export type Sprt = {
  observe(state: SprtState, failed: boolean): SprtState
  decide(state: SprtState): SprtDecision
  /** Outcomes until a decision, on average, of a target that fails at `rate`; Wald's approximation, without the overshoot. */
  expectedSamples(rate: number): number
}

/** @throws {SprtPlanInvalidError} */
export function createSprt({ honest, cheating, alpha, beta }: SprtPlan): Sprt {
  const isSound = 0 < honest && honest < cheating && cheating < 1 && alpha > 0 && beta > 0 && alpha + beta < 1
  if (!isSound) throw new SprtPlanInvalidError({ honest, cheating, alpha, beta })
  const failure = Math.log(cheating / honest)
  const success = Math.log((1 - cheating) / (1 - honest))
  const upper = Math.log((1 - beta) / alpha)
  const lower = Math.log(beta / (1 - alpha))
  return {
    observe: ({ ratio, samples }, failed) => ({ ratio: ratio + (failed ? failure : success), samples: samples + 1 }),
    decide: ({ ratio }) => (ratio >= upper ? 'faulty' : ratio <= lower ? 'clean' : 'open'),
    expectedSamples(rate) {
      const drift = rate * failure + (1 - rate) * success
      const power = chanceOfUpper(rate, { failure, success, upper, lower })
      return (power * upper + (1 - power) * lower) / drift
    },
  }
}

type Steps = { failure: number; success: number; upper: number; lower: number }

/** By the root h of Wald's identity, E[exp(h·step)] = 1. */
function chanceOfUpper(rate: number, { failure, success, upper, lower }: Steps): number {
  const excess = (h: number) => rate * Math.exp(h * failure) + (1 - rate) * Math.exp(h * success) - 1
  const isRising = rate * failure + (1 - rate) * success > 0
  // The root that is not zero lies on the other side of it than the drift.
  let [near, far] = isRising ? [-1e-9, -1] : [1e-9, 1]
  for (let i = 0; i < 60 && excess(far) < 0; i++) far *= 2
  for (let i = 0; i < 200; i++) {
    const middle = (near + far) / 2
    if (excess(middle) < 0) near = middle
    else far = middle
  }
  return (1 - Math.exp(far * lower)) / (Math.exp(far * upper) - Math.exp(far * lower))
}

export class SprtPlanInvalidError extends WeightlessError {
  constructor(facts: SprtPlan) {
    super('compute/sprt-plan-invalid', 'Such a sequential test cannot decide.', facts)
  }
}
