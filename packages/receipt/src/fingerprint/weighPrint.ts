/** How far the log-probabilities that an upstream showed are from the model's own, and whether its choices are likely. Spec: spec/fingerprint.md §4 */

export type PrintFigures = {
  /** Positions of the answer that were compared. */
  positions: number
  /** Of them, those with two alternatives or more. */
  informative: number
  /** Nats; of the alternatives' distances to the likeliest, the median error of each position, and of these the mean. */
  error: number
  /** Share of all positions whose shown likeliest token is not one of the model's likeliest. */
  otherBest: number
  /** Share of chosen tokens that the declared sampler could not have drawn. */
  undrawable: number
  /** Standard deviations by which the chosen tokens are likelier (below 0) or less likely than drawn ones. */
  choice: number
}

/** One position. `logits`: the model's own, by token. `top`: what was shown, tokens known. */
export type WeighedPosition = {
  logits: Float32Array
  chosen: number
  top: readonly { token: number; logprob: number }[]
}

export type DeclaredSampler = {
  temperature: number
  topP: number
  /** What is cut to `topP`: the model's distribution, or what the temperature makes of it. */
  cut: 'before-temperature' | 'after-temperature'
  /** What log-probabilities are of. */
  shown: 'model' | 'drawn'
}

/** A likeliest token this near to another may be either: one engine rounds it so, another otherwise. Nats. */
const nearNats = 0.5
/** A token may lie just beyond the cut by rounding. Of the probability. */
const cutSlack = 0.05

export type PrintScale = { add(position: WeighedPosition): void; figures(): PrintFigures }

export function createPrintScale(sampler: DeclaredSampler): PrintScale {
  const { temperature, shown } = sampler
  // Greedy choice shows the model's distribution.
  const scale = shown === 'drawn' && temperature > 0 ? temperature : 1
  let [positions, informative, errors, otherBest, undrawable] = [0, 0, 0, 0, 0]
  let [surprise, variance] = [0, 0]

  return {
    add({ logits, chosen, top }) {
      positions++
      const best = largestOf(logits)
      const first = top[0]
      if (first && logits[first.token]! < best - nearNats) otherBest++
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
      const drawn = drawnFrom(logits, best, sampler, chosen)
      if (!drawn.isPossible) undrawable++
      surprise += drawn.surprise
      variance += drawn.variance
    },
    figures: () => ({
      positions,
      informative,
      error: informative === 0 ? 0 : errors / informative,
      otherBest: positions === 0 ? 0 : otherBest / positions,
      undrawable: positions === 0 ? 0 : undrawable / positions,
      choice: variance === 0 ? 0 : surprise / Math.sqrt(variance),
    }),
  }
}

/** How much less likely the chosen token is than the declared sampler's are on average, in nats, and the variance of that. */
function drawnFrom(logits: Float32Array, best: number, { temperature, topP, cut }: DeclaredSampler, chosen: number) {
  const { least, leastWithSlack } = cutTo(logits, best, cut === 'after-temperature' ? temperature : 1, topP)
  let [total, sum, square] = [0, 0, 0]
  for (const logit of logits) {
    if (logit < least) continue
    const nats = (best - logit) / temperature
    const weight = Math.exp(-nats)
    total += weight
    sum += weight * nats
    square += weight * nats * nats
  }
  const [mean, meanSquare] = [sum / total, square / total]
  // A token that rounding may have let in counts as the last of those that are in.
  const nats =
    (best - Math.max(logits[chosen]!, least === Number.NEGATIVE_INFINITY ? logits[chosen]! : least)) / temperature
  return { isPossible: logits[chosen]! >= leastWithSlack, surprise: nats - mean, variance: meanSquare - mean * mean }
}

/** The least logit of the likeliest tokens that have `share` together, and that with what rounding may add. */
function cutTo(logits: Float32Array, best: number, temperature: number, share: number) {
  const all = { least: Number.NEGATIVE_INFINITY, leastWithSlack: Number.NEGATIVE_INFINITY }
  if (share >= 1) return all
  const sorted = logits.toSorted()
  const total = sorted.reduce((sum, logit) => sum + Math.exp((logit - best) / temperature), 0)
  let sum = 0
  let least: number | undefined
  for (let i = sorted.length - 1; i >= 0; i--) {
    sum += Math.exp((sorted[i]! - best) / temperature)
    if (sum >= share * total) least ??= sorted[i]!
    // With the token that passes the bound, as samplers have it.
    if (sum >= Math.min(1, share + cutSlack) * total) return { least: least!, leastWithSlack: sorted[i]! - nearNats }
  }
  return { ...all, least: least ?? all.least }
}

function largestOf(logits: Float32Array): number {
  let best = Number.NEGATIVE_INFINITY
  for (const logit of logits) if (logit > best) best = logit
  return best
}

function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!
}
