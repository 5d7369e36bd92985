/** Answers with log-probabilities as a server makes them, by the test model with rounding of its own: for tests of fingerprints. */
import { readFileSync } from 'node:fs'
import { loadModel, type Model } from '@weightless/tensor'

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

/** As `chat.completion`; log-probabilities are of the model's distribution, whatever it drew from. */
export function serve(model: Model, request: ServedRequest, served: Served): string {
  const { noise = 0.02, tokens = 48, temperature = request.temperature, seed } = served
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
    const token = pick(printable, logits, temperature, request.top_p, draw)
    const shown = (id: number) => ({ token: '', logprob: logprob(id), bytes: [...model.tokenizer.tokenBytes(id)] })
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

function pick(
  order: readonly number[],
  logits: Float64Array,
  temperature: number,
  topP: number,
  draw: () => number,
): number {
  if (temperature === 0) return order[0]!
  const weights = order.map((token) => Math.exp((logits[token]! - logits[order[0]!]!) / temperature))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let count = 0
  for (let sum = 0; count < order.length && sum < topP * total; count++) sum += weights[count]!
  let point = draw() * weights.slice(0, count).reduce((sum, weight) => sum + weight, 0)
  for (let i = 0; i < count; i++) {
    point -= weights[i]!
    if (point <= 0) return order[i]!
  }
  return order[0]!
}
