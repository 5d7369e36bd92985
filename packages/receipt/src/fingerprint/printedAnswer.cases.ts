/** Answers with log-probabilities as a server makes them, by the test model with rounding of its own: for tests of fingerprints. */
import { readFileSync } from 'node:fs'
import { loadModel, type Model } from '@weightless/tensor'
import { type LogprobKind, type LogprobMeaning, meaningOf } from './printProgram.ts'

export const weights = new Uint8Array(
  readFileSync(new URL('../../../../vectors/tensor/tiny-random.gguf', import.meta.url)),
)
export const openModel = (): Promise<Model> => loadModel(weights.slice())

export type ServedRequest = {
  messages: { role: string; content: string }[]
  temperature: number
  top_p: number
  logprobs: true
  top_logprobs: number
}

export type Served = {
  /** Nats that are added to each logit, at most. */
  noise?: number
  tokens?: number
  /** What is really drawn with. */
  temperature?: number
  /** What is shown, and what is cut to top_p; `model` where nothing is said. */
  kind?: LogprobKind
  /** Tokens that it draws from at most, by a setting of its own. */
  topK?: number
  seed: number
}

/** Evenly from 0 to 1. */
export function drawsFrom(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state + 0.5) / 2 ** 32
  }
}

/** As `chat.completion`. */
export function serve(model: Model, request: ServedRequest, served: Served): string {
  const { noise = 0.02, tokens = 48, temperature = request.temperature, kind = 'model', topK, seed } = served
  const { shown: what, cut } = meaningOf(kind)
  const draw = drawsFrom(seed)
  const prompt = model.promptTokens(request.messages)
  const session = model.createSession(prompt.length + tokens)
  const content: object[] = []
  const chosen: number[] = []
  let rows: Float32Array[] = []
  for (let at = 0; at < prompt.length; at += 32) {
    const pass = prompt.slice(at, at + 32)
    rows = session.append(pass, pass.length - 1)
  }
  for (let i = 0; i < tokens; i++) {
    const logits = Float64Array.from(rows[0]!, (logit) => logit + noise * (2 * draw() - 1))
    const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]!)
    const printable = order.filter((token) => model.tokenizer.tokenBytes(token).length > 0)
    const total = Math.log(order.reduce((sum, token) => sum + Math.exp(logits[token]! - logits[order[0]!]!), 0))
    const logprob = (token: number) => logits[token]! - logits[order[0]!]! - total
    const drawn = distribution(printable, logits, { temperature, topP: request.top_p, cut, topK })
    const token = pick(printable, drawn, draw)
    const shownOf = (id: number) => (what === 'model' ? logprob(id) : Math.log(drawn[printable.indexOf(id)]!))
    const shown = (id: number) => {
      return { token: '', logprob: Math.max(-9_999, shownOf(id)), bytes: [...model.tokenizer.tokenBytes(id)] }
    }
    content.push({ ...shown(token), top_logprobs: printable.slice(0, request.top_logprobs).map(shown) })
    chosen.push(token)
    rows = session.append([token], 0)
  }
  session.close()
  const text = model.tokenizer.decode(chosen)
  return JSON.stringify({
    choices: [
      { index: 0, message: { role: 'assistant', content: text }, logprobs: { content }, finish_reason: 'length' },
    ],
    usage: { prompt_tokens: prompt.length, completion_tokens: tokens },
  })
}

type Drawing = { temperature: number; topP: number; cut: LogprobMeaning['cut']; topK: number | undefined }

/** Of each token in `order`, the likeliest first, the probability with which it is drawn. */
function distribution(
  order: readonly number[],
  logits: Float64Array,
  { temperature, topP, cut, topK = order.length }: Drawing,
): number[] {
  if (temperature === 0) return order.map((_, i) => (i === 0 ? 1 : 0))
  const weightsAt = (scale: number) => order.map((token) => Math.exp((logits[token]! - logits[order[0]!]!) / scale))
  const sumOf = (list: readonly number[]) => list.reduce((sum, weight) => sum + weight, 0)
  const cutting = weightsAt(cut === 'before-temperature' ? 1 : temperature)
  const least = topP * sumOf(cutting)
  let count = 0
  for (let sum = 0; count < Math.min(topK, order.length) && sum < least; count++) sum += cutting[count]!
  const kept = weightsAt(temperature).map((weight, i) => (i < count ? weight : 0))
  const total = sumOf(kept)
  return kept.map((weight) => weight / total)
}

function pick(order: readonly number[], drawn: readonly number[], draw: () => number): number {
  let point = draw()
  for (const [i, share] of drawn.entries()) {
    point -= share
    if (point <= 0) return order[i]!
  }
  return order[0]!
}
