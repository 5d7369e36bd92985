/** Logits of every position of some tokens: by the embedded engine, and by llama.cpp through node-llama-cpp. */
import { type Model, positionsMax } from '@weightless/tensor'

/** What is used of node-llama-cpp. */
export type LlamaLibrary = { getLlama(options: object): Promise<Llama> }
export type Llama = { loadModel(options: { modelPath: string }): Promise<LlamaFile>; dispose(): Promise<void> }
type LlamaFile = {
  tokenize(text: string, special: boolean): number[]
  createContext(options: object): Promise<LlamaContext>
  dispose(): Promise<void>
}
type LlamaContext = { getSequence(): LlamaSequence; dispose(): Promise<void> }
type LlamaSequence = {
  clearHistory(): Promise<void>
  controlledEvaluate(input: unknown[]): Promise<({ next: { logits?: Map<number, number> } } | undefined)[]>
}

export type LlamaRows = {
  /** Tokens of a text in which special tokens are found. */
  tokenize(text: string): number[]
  /** Calls `take` with the logits after each token from `from` on, in order. */
  evaluate(tokens: readonly number[], from: number, take: (row: Float32Array) => void): Promise<void>
  close(): Promise<void>
}

/** Rows that are held as maps of all tokens at once: a map of 49,152 takes megabytes. */
const rowsTogether = 16

export async function openLlamaRows(
  llama: Llama,
  path: string,
  options: { vocabSize: number; positions: number; context?: object },
): Promise<LlamaRows> {
  const model = await llama.loadModel({ modelPath: path })
  const size = { contextSize: options.positions + 2, batchSize: options.positions, threads: 1 }
  const context = await model.createContext({ ...size, ...options.context })
  const sequence = context.getSequence()
  return {
    tokenize: (text) => model.tokenize(text, true),
    async evaluate(tokens, from, take) {
      await sequence.clearHistory()
      for (let at = 0; at < tokens.length; ) {
        const end = at < from ? from : Math.min(tokens.length, at + rowsTogether)
        const wanted = at >= from
        const ask = { generateNext: { logits: true, token: true, options: { temperature: 0 } } }
        const input = tokens.slice(at, end).map((token) => (wanted ? [token, ask] : token))
        const rows = await sequence.controlledEvaluate(input)
        if (wanted) for (const row of rows) take(rowOf(row!.next.logits!, options.vocabSize))
        at = end
      }
    },
    async close() {
      await context.dispose()
      await model.dispose()
    },
  }
}

function rowOf(logits: ReadonlyMap<number, number>, vocabSize: number): Float32Array {
  const row = new Float32Array(vocabSize).fill(Number.NEGATIVE_INFINITY)
  for (const [token, logit] of logits) row[token] = logit
  return row
}

/** As `LlamaRows.evaluate`, by the embedded engine; a row is valid until the next. */
export function evaluateOurs(
  model: Model,
  tokens: readonly number[],
  from: number,
  take: (row: Float32Array) => void,
): void {
  const session = model.createSession(tokens.length)
  for (let at = 0; at < tokens.length; at += positionsMax) {
    const pass = tokens.slice(at, at + positionsMax)
    for (const row of session.append(pass, Math.min(pass.length, Math.max(0, from - at)))) take(row)
  }
  session.close()
}
