/** What every training is told of its optimiser and the schedule of its rate, and what one step makes of it. Spec: spec/training.md §4, §5. */
import { integerPower, type RateOptions } from './learningRate.ts'

export type OptimiserOptions = RateOptions & {
  /** 32 bytes from which whatever is drawn is drawn: initial weights of an adapter, the order of data. */
  seed32: Uint8Array
  weightDecay: number
  beta1: number
  beta2: number
  epsilon: number
  /** Gradients of greater norm are scaled down to it; 0 for never. */
  clipNorm: number
}

/** @param refuse - throws; told of the first fault */
export function checkOptimiser(options: OptimiserOptions, refuse: (reason: string) => void): void {
  const { totalSteps, warmupSteps } = options
  if (!(options.learningRate > 0 && options.learningRate <= 1)) refuse('the learning rate is not in (0, 1]')
  if (options.seed32.length !== 32) refuse('the seed is not 32 bytes')
  for (const steps of [totalSteps, warmupSteps]) {
    if (!Number.isInteger(steps) || steps < 0 || steps > 1e9) refuse('a number of steps is not an integer up to 10⁹')
  }
  if (!['constant', 'linear', 'cosine'].includes(options.schedule)) refuse('the schedule is unknown')
  if (options.schedule !== 'constant' && totalSteps <= warmupSteps) refuse('the schedule needs more steps in all')
  for (const beta of [options.beta1, options.beta2]) if (!(beta >= 0 && beta < 1)) refuse('a beta is not in [0, 1)')
  if (!(options.epsilon > 0 && options.epsilon < 1)) refuse('epsilon is not in (0, 1)')
  if (!(options.weightDecay >= 0 && options.weightDecay <= 1)) refuse('the weight decay is not in [0, 1]')
  if (!(options.clipNorm >= 0 && Number.isFinite(options.clipNorm))) refuse('the norm to clip at is not a number ≥ 0')
}

/**
 * The factor that clips gradients, and what corrects both moments for their start from zero.
 * @param step - from 1
 */
export function stepFactors(
  { clipNorm, beta1, beta2 }: OptimiserOptions,
  gradNorm: number,
  step: number,
): { clip: number; c1: number; c2: number } {
  const clip = clipNorm > 0 && gradNorm > clipNorm ? Math.fround(clipNorm / gradNorm) : 1
  return { clip, c1: 1 / (1 - integerPower(beta1, step)), c2: 1 / (1 - integerPower(beta2, step)) }
}
