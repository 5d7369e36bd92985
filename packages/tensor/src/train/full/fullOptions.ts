/** What a training of all weights is told, with its defaults, checked. Spec: spec/training.md §8. */
import { WeightlessError } from '@weightless/codec'

export type FullOptions = {
  learningRate: number
  /** 32 bytes from which the order of data is drawn. */
  seed32: Uint8Array
  /** Rows of a step, 1 to 256; the last step of an epoch may have fewer. */
  batchRows: number
  /** Steps over which the rate rises to its full value. */
  warmupSteps: number
  /** Steps after which the schedule has run out; needed by `linear` and `cosine`. */
  totalSteps: number
  schedule: 'constant' | 'linear' | 'cosine'
  weightDecay: number
  /** What decays: `matrices` leaves out norms, `hidden` also the embedding and the output matrix. */
  decayed: 'all' | 'matrices' | 'hidden'
  beta1: number
  beta2: number
  epsilon: number
  /** Gradients of greater norm are scaled down to it; 0 for never. */
  clipNorm: number
}

export const fullDefaults: Omit<FullOptions, 'seed32'> = {
  learningRate: 1e-3,
  batchRows: 8,
  warmupSteps: 0,
  totalSteps: 0,
  schedule: 'constant',
  weightDecay: 0.1,
  decayed: 'matrices',
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  clipNorm: 1,
}

/** @throws {FullOptionsError} */
export function checkFullOptions(given: Partial<FullOptions> & { seed32: Uint8Array }): FullOptions {
  const options = { ...fullDefaults, ...given }
  const refuse = (reason: string) => {
    throw new FullOptionsError(reason)
  }
  const { totalSteps, warmupSteps, batchRows } = options
  if (!Number.isInteger(batchRows) || batchRows < 1 || batchRows > 256) refuse('a batch is not 1 to 256 rows')
  if (!(options.learningRate > 0 && options.learningRate <= 1)) refuse('the learning rate is not in (0, 1]')
  if (options.seed32.length !== 32) refuse('the seed is not 32 bytes')
  for (const steps of [totalSteps, warmupSteps]) {
    if (!Number.isInteger(steps) || steps < 0 || steps > 1e9) refuse('a number of steps is not an integer up to 10⁹')
  }
  if (!['constant', 'linear', 'cosine'].includes(options.schedule)) refuse('the schedule is unknown')
  if (options.schedule !== 'constant' && totalSteps <= warmupSteps) refuse('the schedule needs more steps in all')
  if (!['all', 'matrices', 'hidden'].includes(options.decayed)) refuse('what decays is unknown')
  for (const beta of [options.beta1, options.beta2]) if (!(beta >= 0 && beta < 1)) refuse('a beta is not in [0, 1)')
  if (!(options.epsilon > 0 && options.epsilon < 1)) refuse('epsilon is not in (0, 1)')
  if (!(options.weightDecay >= 0 && options.weightDecay <= 1)) refuse('the weight decay is not in [0, 1]')
  if (!(options.clipNorm >= 0 && Number.isFinite(options.clipNorm))) refuse('the norm to clip at is not a number ≥ 0')
  return { ...options, seed32: options.seed32.slice() }
}

/** Whether a tensor's weights decay. Vectors are norms. */
export function decays({ decayed }: Pick<FullOptions, 'decayed'>, name: string): boolean {
  if (decayed === 'all') return true
  if (name.endsWith('norm.weight')) return false
  return decayed === 'matrices' || name.startsWith('blk.')
}

export class FullOptionsError extends WeightlessError {
  constructor(reason: string) {
    super('tensor/full-options', `The training cannot be set up: ${reason}.`)
  }
}
