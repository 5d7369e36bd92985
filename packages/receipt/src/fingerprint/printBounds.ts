/** How far a fingerprint may be from the model, as calibrated; where for other models nothing is known, the verdict says so. Spec: spec/fingerprint.md §5 */
import type { Hex } from '@weightless/codec'
import type { PrintFigures } from './weighPrint.ts'

export type PrintBounds = {
  /** Positions below which nothing is said. */
  positionsMin: number
  /** Nats. */
  error: number
  otherBest: number
  hidden: number
  undrawable: number
  /** Standard deviations, either way. */
  choice: number
}

/** Answers of llama.cpp on a processor that had no part in the choice of the bounds, and how many of them were refused. Of other engines nothing is known. */
export type HonestAnswers = { weighed: number; refused: number }

const common = { positionsMin: 16, otherBest: 0.05, hidden: 0.05, undrawable: 0.05, choice: 4.5 }

/** By `bench/tensor/calibratePrints.ts`: llama.cpp on the processor against this engine. Of models that nobody calibrated the widest is taken. */
const calibrations: Readonly<Record<Hex, { error: number; honest: HonestAnswers }>> = {
  // SmolLM2-135M-Instruct, Q4_1.
  '0x6a9a2e28432daea75365523a808e81a1ca3720e37117500f75e1b6259474a7fa': {
    error: 0.2,
    honest: { weighed: 333, refused: 0 },
  },
  // Weightless Bard 1M, Q8_0.
  '0x9583d74a1ea703b9baaa86414acf63e80156a8ec3ca8f0578b302d5358dc067e': {
    error: 0.02,
    honest: { weighed: 6_304, refused: 0 },
  },
}

/** @returns `honest`: undefined where nobody has measured how often honest answers of this model are refused */
export function boundsOf(modelRoot: Hex): { bounds: PrintBounds; honest: HonestAnswers | undefined } {
  const known = calibrations[modelRoot]
  const widest = Math.max(...Object.values(calibrations).map(({ error }) => error))
  return { bounds: { ...common, error: known?.error ?? widest }, honest: known?.honest }
}

/** What is beyond its bound first; undefined when nothing is. */
export function findBeyond(figures: PrintFigures, limits: PrintBounds): string | undefined {
  const { error, otherBest, hidden, undrawable, choice } = figures
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  if (error > limits.error)
    return `log-probabilities are ${error.toFixed(3)} nats from the model's, ${limits.error} are allowed`
  if (otherBest > limits.otherBest) return `of ${percent(otherBest)} of the tokens the model finds others likeliest`
  if (hidden > limits.hidden)
    return `${percent(hidden)} of the tokens are shown without the alternatives that were asked for`
  if (undrawable > limits.undrawable) return `${percent(undrawable)} of the tokens could not have been drawn`
  if (Math.abs(choice) <= limits.choice) return undefined
  return `the tokens are ${choice.toFixed(1)} standard deviations from what the declared sampler draws`
}

/** How near the figures are to their bounds: of each its share of what is allowed, and of these the most; beyond 1 a bound is broken. */
export function strainOf(figures: PrintFigures, limits: PrintBounds): number {
  const shares = (['error', 'otherBest', 'hidden', 'undrawable'] as const).map((name) => figures[name] / limits[name])
  return Math.max(...shares, Math.abs(figures.choice) / limits.choice)
}

/** What is known of false alarms, in words. */
export function describeAlarms(honest: HonestAnswers | undefined): string {
  if (honest === undefined) return 'bounds are of other models, so the rate of false alarms is not known'
  const { weighed, refused } = honest
  const most = (100 * alarmRateMax(honest)).toPrecision(2)
  const found = `of ${weighed} honest answers of llama.cpp on a processor ${refused} ${refused === 1 ? 'was' : 'were'} refused`
  return `${found}, so that its false alarms are below ${most} % with 95 % confidence; of other engines no rate is known`
}

/** The rate at which as few refusals or fewer have a probability of 5 % (Clopper and Pearson). */
export function alarmRateMax({ weighed, refused }: HonestAnswers): number {
  let [low, high] = [0, 1]
  for (let step = 0; step < 60; step++) {
    const rate = (low + high) / 2
    if (atMost(refused, weighed, rate) > 0.05) low = rate
    else high = rate
  }
  return high
}

/** Probability of `count` or fewer among `runs`. */
function atMost(count: number, runs: number, rate: number): number {
  if (count >= runs) return 1
  let log = runs * Math.log1p(-rate)
  let sum = Math.exp(log)
  for (let k = 1; k <= count; k++) {
    log += Math.log((runs - k + 1) / k) + Math.log(rate) - Math.log1p(-rate)
    sum += Math.exp(log)
  }
  return sum
}
