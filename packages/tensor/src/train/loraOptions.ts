/** What a LoRA training is told, with its defaults, checked. Spec: spec/training.md §4. */
import { WeightlessError } from '@weightless/codec'
import { type AdapterTarget, adapterTargets } from '../adapter/adapterTargets.ts'

export type LoraOptions = {
  /** 1 to 256. */
  rank: number
  /** The adapter's product is scaled by alpha ÷ rank. */
  alpha: number
  targets: readonly AdapterTarget[]
  learningRate: number
  /** 32 bytes from which initial weights and the order of data are drawn. */
  seed32: Uint8Array
  /** Steps over which the rate rises to its full value. */
  warmupSteps: number
  /** Steps after which the schedule has run out; needed by `linear` and `cosine`. */
  totalSteps: number
  schedule: 'constant' | 'linear' | 'cosine'
  weightDecay: number
  beta1: number
  beta2: number
  epsilon: number
  /** Gradients of greater norm are scaled down to it; 0 for never. */
  clipNorm: number
}

export const loraDefaults: Omit<LoraOptions, 'seed32'> = {
  rank: 8,
  alpha: 16,
  targets: ['q', 'v', 'down'],
  learningRate: 1e-3,
  warmupSteps: 0,
  totalSteps: 0,
  schedule: 'constant',
  weightDecay: 0,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  clipNorm: 1,
}

/** @throws {LoraOptionsError} */
export function checkLoraOptions(given: Partial<LoraOptions> & { seed32: Uint8Array }): LoraOptions {
  const options = { ...loraDefaults, ...given }
  const refuse = (reason: string) => {
    throw new LoraOptionsError(reason)
  }
  const { rank, totalSteps, warmupSteps } = options
  if (!Number.isInteger(rank) || rank < 1 || rank > 256) refuse('rank is not an integer from 1 to 256')
  if (!(options.alpha > 0 && options.alpha <= 65_536)) refuse('alpha is not in (0, 65536]')
  const targets = adapterTargets.filter((target) => options.targets.includes(target))
  if (targets.length === 0 || targets.length !== options.targets.length) refuse('targets are unknown, double or none')
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
  return { ...options, targets, seed32: options.seed32.slice() }
}

export class LoraOptionsError extends WeightlessError {
  constructor(reason: string) {
    super('tensor/lora-options', `The training cannot be set up: ${reason}.`)
  }
}
