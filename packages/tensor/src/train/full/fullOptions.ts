/** What a training of all weights is told, with its defaults, checked. Spec: spec/training.md §8. */
import { WeightlessError } from '@weightless/codec'
import { checkOptimiser, type OptimiserOptions } from '../optimiser.ts'

export type FullOptions = OptimiserOptions & {
  /** Rows of a step, 1 to 256; the last step of an epoch may have fewer. */
  batchRows: number
  /** What decays: `matrices` leaves out norms, `hidden` also the embedding and the output matrix. */
  decayed: 'all' | 'matrices' | 'hidden'
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
  const { batchRows } = options
  if (!Number.isInteger(batchRows) || batchRows < 1 || batchRows > 256) refuse('a batch is not 1 to 256 rows')
  checkOptimiser(options, refuse)
  if (!['all', 'matrices', 'hidden'].includes(options.decayed)) refuse('what decays is unknown')
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
