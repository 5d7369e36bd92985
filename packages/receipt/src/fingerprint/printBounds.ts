/** How far a fingerprint may be from the model, as calibrated; where for other models nothing is known, the verdict says so. Spec: spec/fingerprint.md §5 */
import type { Hex } from '@weightless/codec'
import type { PrintFigures } from './weighPrint.ts'

export type PrintBounds = {
  /** Positions below which nothing is said. */
  positionsMin: number
  /** Nats. */
  error: number
  otherBest: number
  undrawable: number
  /** Standard deviations, either way. */
  choice: number
}

/** `bench/fingerprint`, llama.cpp on the processor against this engine: SmolLM2-135M-Instruct, Q4_1. */
const bounds: PrintBounds = { positionsMin: 16, error: 0.3, otherBest: 0.05, undrawable: 0.05, choice: 4 }

const calibratedModels: readonly Hex[] = ['0x6a9a2e28432daea75365523a808e81a1ca3720e37117500f75e1b6259474a7fa']

export function boundsOf(modelRoot: Hex): { bounds: PrintBounds; isCalibrated: boolean } {
  return { bounds, isCalibrated: calibratedModels.includes(modelRoot) }
}

/** What is beyond its bound first; undefined when nothing is. */
export function findBeyond(figures: PrintFigures, limits: PrintBounds): string | undefined {
  const { error, otherBest, undrawable, choice } = figures
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  if (error > limits.error)
    return `log-probabilities are ${error.toFixed(3)} nats from the model's, ${limits.error} are allowed`
  if (otherBest > limits.otherBest) return `of ${percent(otherBest)} of the tokens the model finds others likeliest`
  if (undrawable > limits.undrawable) return `${percent(undrawable)} of the tokens could not have been drawn`
  if (Math.abs(choice) <= limits.choice) return undefined
  return `the tokens are ${choice.toFixed(1)} standard deviations from what the declared sampler draws`
}
