/** What a LoRA training is told, with its defaults, checked. Spec: spec/training.md §4. */
import { WeightlessError } from '@weightless/codec'
import { type AdapterTarget, adapterTargets } from '../adapter/adapterTargets.ts'
import { checkOptimiser, type OptimiserOptions } from './optimiser.ts'

export type LoraOptions = OptimiserOptions & {
  /** 1 to 256. */
  rank: number
  /** The adapter's product is scaled by alpha ÷ rank. */
  alpha: number
  targets: readonly AdapterTarget[]
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
  const { rank } = options
  if (!Number.isInteger(rank) || rank < 1 || rank > 256) refuse('rank is not an integer from 1 to 256')
  if (!(options.alpha > 0 && options.alpha <= 65_536)) refuse('alpha is not in (0, 65536]')
  const targets = adapterTargets.filter((target) => options.targets.includes(target))
  if (targets.length === 0 || targets.length !== options.targets.length) refuse('targets are unknown, double or none')
  checkOptimiser(options, refuse)
  return { ...options, targets, seed32: options.seed32.slice() }
}

export class LoraOptionsError extends WeightlessError {
  constructor(reason: string) {
    super('tensor/lora-options', `The training cannot be set up: ${reason}.`)
  }
}
