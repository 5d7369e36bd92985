/** How far the log-probabilities that an upstream showed are from the model's own, and whether its choices are likely. Spec: spec/fingerprint.md §4 */
import type { LogprobMeaning } from './printProgram.ts'

export type PrintFigures = {
  /** Positions of the answer that were compared. */
  positions: number
  /** Of them, those with two alternatives or more. */
  informative: number
  /** Nats; of the alternatives' distances to the likeliest, the median error of each position, and of these the mean. */
  error: number
  /** Share of all positions whose shown likeliest token is not one of the model's likeliest. */
  otherBest: number
  /** Share of all positions that show fewer than half of the alternatives that an honest server has to show. */
  hidden: number
  /** Share of chosen tokens that the declared sampler could not have drawn. */
  undrawable: number
  /**
   * How surprising it is that the declared sampler draws tokens as likely (below 0) or as unlikely as these: of a normal
   * number, standard deviations. Chernoff's bound: honestly beyond ±c at most 7 · exp(−c² ÷ 2) of the time.
   */
  choice: number
}

/** One position. `logits`: the model's own, by token. `top`: what was shown, tokens known. */
export type WeighedPosition = {
  logits: Float32Array
  chosen: number
  top: readonly { token: number; logprob: number }[]
}

export type DeclaredSampler = LogprobMeaning & {
  temperature: number
  topP: number
  /** Alternatives that were asked for. */
  asked: number
}

/** A likeliest token this near to another may be either: one engine rounds it so, another otherwise. Nats. */
const nearNats = 0.5
/** A token may lie just beyond the cut by rounding. Of the probability. */
const cutSlack = 0.05

export type PrintScale = { add(position: WeighedPosition): void; figures(): PrintFigures }

/** @param isTellable - whether a server knows the bytes of a token: control tokens and parts of characters have none to show */
export function createPrintScale(sampler: DeclaredSampler, isTellable: (token: number) => boolean): PrintScale {
  const { temperature, shown } = sampler
  // Greedy choice shows the model's distribution.
  const scale = shown === 'drawn' && temperature > 0 ? temperature : 1
  let [positions, informative, errors, otherBest, hidden, undrawable] = [0, 0, 0, 0, 0, 0]
  const drawn = createDrawScale()

  return {
    add({ logits, chosen, top }) {
      positions++
      const best = largestOf(logits)
      const first = top[0]
      if (first && logits[first.token]! < largestOf(logits, isTellable) - nearNats) otherBest++
      if (top.length * 2 < countShowable(logits, best, sampler, isTellable)) hidden++
      const own = top.slice(1).map(({ token, logprob }) => {
        return Math.abs(scale * (logprob - first!.logprob) - (logits[token]! - logits[first!.token]!))
      })
      if (own.length > 0) {
        informative++
        errors += medianOf(own)
      }
      if (temperature === 0) {
        if (logits[chosen]! < best - nearNats) undrawable++
        return
      }
      if (!drawn.add(logits, best, sampler, chosen)) undrawable++
    },
    figures: () => ({
      positions,
      informative,
      error: informative === 0 ? 0 : errors / informative,
      otherBest: positions === 0 ? 0 : otherBest / positions,
      hidden: positions === 0 ? 0 : hidden / positions,
      undrawable: positions === 0 ? 0 : undrawable / positions,
      choice: drawn.choice(),
    }),
  }
}

/** Alternatives that a server shows at least: those asked for, of which those cut off by top_p have no probability. */
function countShowable(
  logits: Float32Array,
  best: number,
  { temperature, topP, cut, shown, asked }: DeclaredSampler,
  isTellable: (token: number) => boolean,
): number {
  const isCut = shown === 'drawn' && temperature > 0 && topP < 1
  const likeliest = likeliestOf(logits, asked)
  if (!isCut) return likeliest.filter(isTellable).length
  const scale = cut === 'after-temperature' ? temperature : 1
  const weightOf = (logit: number) => Math.exp((logit - best) / scale)
  let total = 0
  for (const logit of logits) total += weightOf(logit)
  let [sum, count] = [0, 0]
  for (const token of likeliest) {
    if (sum >= (topP - cutSlack) * total) break
    sum += weightOf(logits[token]!)
    if (isTellable(token)) count++
  }
  return count
}

/** @returns the tokens of the `count` largest logits, the largest first */
function likeliestOf(logits: Float32Array, count: number): number[] {
  const tokens: number[] = []
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token]!
    if (tokens.length === count && logit <= logits[tokens.at(-1)!]!) continue
    let at = tokens.length
    while (at > 0 && logits[tokens[at - 1]!]! < logit) at--
    tokens.splice(at, 0, token)
    if (tokens.length > count) tokens.pop()
  }
  return tokens
}

/** λ of Chernoff's bounds, below 0 for what is too likely; made of roots and squares, which cost less than powers. */
const tilts = [-7, -3, -1, -0.5, 0.25, 0.5, 0.75] as const

/** Sums how much less likely than the likeliest the chosen tokens are, and what to expect of that under the declared sampler. */
function createDrawScale() {
  let surprise = 0
  const expected = tilts.map(() => 0)
  return {
    /** @returns whether the token could have been drawn */
    add(logits: Float32Array, best: number, { temperature, topP, cut }: DeclaredSampler, chosen: number): boolean {
      const { least, leastWithSlack } = cutTo(logits, best, cut === 'after-temperature' ? temperature : 1, topP)
      const { total, tilted } = tiltedSums(logits, best, temperature, least)
      tilted.forEach((sum, i) => {
        expected[i]! += Math.log(sum / total)
      })
      // A token that rounding may have let in counts as the last of those that are in.
      const logit = Math.max(logits[chosen]!, least === Number.NEGATIVE_INFINITY ? logits[chosen]! : least)
      surprise += (best - logit) / temperature
      return logits[chosen]! >= leastWithSlack
    },
    choice(): number {
      let [most, sign] = [0, 1]
      for (const [i, tilt] of tilts.entries()) {
        const evidence = tilt * surprise - expected[i]!
        if (evidence > most) [most, sign] = [evidence, Math.sign(tilt)]
      }
      return sign * Math.sqrt(2 * most)
    },
  }
}

/** Σ w and, for each λ, Σ w^(1 − λ) over what is drawn from, w = 1 being the likeliest. */
function tiltedSums(logits: Float32Array, best: number, temperature: number, least: number) {
  let total = 0
  let [a, b, c, d, e, f, g] = [0, 0, 0, 0, 0, 0, 0]
  for (const logit of logits) {
    if (logit < least) continue
    const weight = Math.exp((logit - best) / temperature)
    const [root, square] = [Math.sqrt(weight), weight * weight]
    const fourthRoot = Math.sqrt(root)
    total += weight
    a += square ** 2 * square ** 2
    b += square * square
    c += square
    d += weight * root
    e += root * fourthRoot
    f += root
    g += fourthRoot
  }
  return { total, tilted: [a, b, c, d, e, f, g] }
}

/** The least logit of the likeliest tokens that have `share` together, and that with what rounding may add. */
function cutTo(logits: Float32Array, best: number, temperature: number, share: number) {
  const all = { least: Number.NEGATIVE_INFINITY, leastWithSlack: Number.NEGATIVE_INFINITY }
  if (share >= 1) return all
  const weightOf = (logit: number) => Math.exp((logit - best) / temperature)
  let total = 0
  for (const logit of logits) total += weightOf(logit)
  // Most tokens lie far below: they are sorted only where those above have not enough.
  for (const depth of [3, 8, Number.POSITIVE_INFINITY]) {
    const sorted = logits.filter((logit) => logit >= best - depth * temperature).sort()
    let sum = 0
    let least: number | undefined
    for (let i = sorted.length - 1; i >= 0; i--) {
      sum += weightOf(sorted[i]!)
      if (sum >= share * total) least ??= sorted[i]!
      // With the token that passes the bound, as samplers have it.
      if (sum >= Math.min(1, share + cutSlack) * total) return { least: least!, leastWithSlack: sorted[i]! - nearNats }
    }
    if (sorted.length === logits.length) return { ...all, least: least ?? all.least }
  }
  return all
}

function largestOf(logits: Float32Array, isMeant: (token: number) => boolean = () => true): number {
  let best = Number.NEGATIVE_INFINITY
  for (let token = 0; token < logits.length; token++) {
    if (logits[token]! > best && isMeant(token)) best = logits[token]!
  }
  return best
}

function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!
}
