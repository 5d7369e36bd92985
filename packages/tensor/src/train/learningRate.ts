/** The learning rate of a step, from exactly rounded operations alone. Spec: spec/training.md §5. */
import { sineCosine } from '../model/ropeTable.ts'

export type RateOptions = {
  learningRate: number
  /** Steps over which the rate rises to its full value. */
  warmupSteps: number
  /** Steps after which the schedule has run out; needed by `linear` and `cosine`. */
  totalSteps: number
  schedule: 'constant' | 'linear' | 'cosine'
}

/** @param step - from 0 */
export function learningRateAt(options: RateOptions, step: number): number {
  const { learningRate, warmupSteps, totalSteps, schedule } = options
  if (step < warmupSteps) return Math.fround((learningRate * (step + 1)) / warmupSteps)
  if (schedule === 'constant') return Math.fround(learningRate)
  const part = Math.min(1, (step - warmupSteps) / (totalSteps - warmupSteps))
  const left = schedule === 'linear' ? 1 - part : (1 + sineCosine(part * Math.PI).cosine) / 2
  return Math.fround(learningRate * left)
}

/** value to the power of a positive integer, by squaring from the highest bit. */
export function integerPower(value: number, exponent: number): number {
  let result = 1
  for (let bit = 2 ** 30; bit >= 1; bit /= 2) {
    result *= result
    if (Math.floor(exponent / bit) % 2 === 1) result *= value
  }
  return result
}
