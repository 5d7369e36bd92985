/** What is used of node-llama-cpp, in types of our own: the library is no dependency, it lies in a data directory. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

export type LlamaLibrary = {
  getLlama(options: {
    gpu: false | 'auto'
    build: 'never'
    skipDownload: true
    progressLogs: false
    maxThreads?: number
    logLevel: 'warn'
    logger(level: string, message: string): void
  }): Promise<Llama>
  LlamaGrammarEvaluationState: new (options: { model: LlamaFile; grammar: unknown }) => object
  TokenBias: new (
    tokenizer: unknown,
  ) => {
    set(token: number, bias: 'never' | { logit: number }): void
  }
}

export type Llama = {
  gpu: string | false
  cpuMathCores: number
  loadModel(options: { modelPath: string; gpuLayers?: number | 'auto' }): Promise<LlamaFile>
  createGrammarForJsonSchema(schema: object): Promise<unknown>
  getGrammarFor(type: 'json'): Promise<unknown>
  dispose(): Promise<void>
}

export type LlamaFile = {
  trainContextSize: number
  tokenizer: unknown
  tokens: { bos: number | null; eos: number | null; shouldPrependBosToken: boolean }
  fileInfo: {
    metadata: {
      general: { architecture: string; name?: string }
      tokenizer?: { chat_template?: string; ggml?: { tokens?: readonly unknown[] } }
    }
  }
  tokenize(text: string, specialTokens: boolean): number[]
  detokenize(tokens: readonly number[], specialTokens: boolean, lastTokens?: readonly number[]): string
  isEogToken(token: number): boolean
  createContext(options: {
    sequences: number
    contextSize: number
    batchSize?: number
    threads?: number
  }): Promise<LlamaContext>
}

export type LlamaContext = { contextSize: number; getSequence(): LlamaSequence }

export type SamplingOptions = {
  temperature: number
  topK: number
  topP: number
  minP: number
  seed: number
  yieldEogToken: true
  grammarEvaluationState?: object
  tokenBias?: object
  repeatPenalty?: {
    punishTokens(): number[]
    maxPunishTokens: number
    penalty: 1
    frequencyPenalty: number
    presencePenalty: number
  }
}

export type LlamaSequence = {
  clearHistory(): Promise<void>
  evaluateWithoutGeneratingNewTokens(tokens: readonly number[]): Promise<void>
  evaluateWithMetadata(
    tokens: readonly number[],
    metadata: { probabilities?: boolean },
    options: SamplingOptions,
  ): AsyncGenerator<{ token: number; probabilities?: Map<number, number> }>
}

/** @param folder - where `weightless engine add llama` put it */
export async function loadLlamaLibrary(folder: string): Promise<LlamaLibrary> {
  const path = createRequire(join(folder, 'package.json')).resolve('node-llama-cpp')
  return (await import(pathToFileURL(path).href)) as LlamaLibrary
}
