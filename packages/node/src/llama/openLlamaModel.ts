/**
 * A GGUF file in llama.cpp: one context of several sequences, which share passes of the model. Nothing of one job stays in
 * a sequence for the next, so that nobody learns from the time an answer takes what somebody else asked.
 */
import { AbortedError } from '@weightless/env'
import { createChatTemplate } from '@weightless/tensor/chat/chatTemplate'
import { type Llama, type LlamaFile, type LlamaLibrary, type LlamaSequence, loadLlamaLibrary } from './llamaLibrary.ts'
import { createPool, type Pool } from './sequencePool.ts'
import {
  ModelBusyError,
  PromptRefusedError,
  type TokenModel,
  type TokenSampling,
  type TokenStep,
} from './tokenModel.ts'

export type LlamaModelOptions = {
  /** Of the engine, see `engineFolder`. */
  engineFolder: string
  /** The GGUF. */
  file: string
  /** Tokens of a conversation; default: what the model was trained for, at most 8,192. */
  contextLength?: number
  /** Conversations at once. */
  parallel: number
  /**
   * Threads of the processor; default: as many as it has for such work but one. They spin while they wait for one another: where
   * one of them is kept from its core, all stand still, and the provider needs a core too.
   */
  threads?: number
  gpu: boolean
  onWarning(text: string): void
}

const contextLengthDefault = 8_192
/** Positions of a pass; between two passes of a long prompt a user who has left is noticed. */
const passTokens = 512
const waitingMax = 64
/** The library shifts a context that has no more than this left, which would lose the beginning of the prompt. */
const spareTokens = 2

export async function openLlamaModel(options: LlamaModelOptions): Promise<TokenModel & { gpu: string | false }> {
  const { engineFolder, file, parallel, gpu, onWarning } = options
  const library = await loadLlamaLibrary(engineFolder)
  const llama = await library.getLlama({
    ...{ gpu: gpu ? 'auto' : false, build: 'never', skipDownload: true, progressLogs: false, logLevel: 'warn' },
    ...(options.threads && { maxThreads: options.threads }),
    logger: (_level, message) => onWarning(message.trim()),
  })
  const threads = options.threads ?? Math.max(1, llama.cpuMathCores - 1)
  const model = await llama.loadModel({ modelPath: file })
  const contextLength = options.contextLength ?? Math.min(contextLengthDefault, model.trainContextSize)
  const context = await model.createContext({
    ...{ sequences: parallel, contextSize: contextLength + spareTokens },
    batchSize: Math.min(passTokens, contextLength),
    threads,
  })
  const pool = createPool(
    Array.from({ length: parallel }, () => context.getSequence()),
    waitingMax,
  )
  return {
    gpu: llama.gpu,
    contextLength,
    concurrent: parallel,
    countTokens: (text) => model.tokenize(text, false).length,
    promptTokens: createPrompter(model),
    textOf: (tokens, before) => model.detokenize(tokens, false, before),
    isEnd: (token) => model.isEogToken(token),
    generate: (prompt, sampling, signal) => generate({ library, llama, model, pool }, prompt, sampling, signal),
    close: () => llama.dispose(),
  }
}

/** As the embedded engine does it: the file's own template, the token that begins a text where the file wants one. */
function createPrompter(model: LlamaFile): TokenModel['promptTokens'] {
  const { bos, eos, shouldPrependBosToken } = model.tokens
  const textOf = (token: number) => (token < 0 ? '' : model.detokenize([token], true))
  const special = { tables: { beginToken: bos ?? -1, endToken: eos ?? -1 }, tokenText: textOf }
  const render = createChatTemplate(model.fileInfo.metadata.tokenizer?.chat_template ?? '', special)
  return (messages) => {
    const tokens = model.tokenize(render(messages), true)
    return shouldPrependBosToken && bos !== null && tokens[0] !== bos ? [bos, ...tokens] : tokens
  }
}

type Parts = { library: LlamaLibrary; llama: Llama; model: LlamaFile; pool: Pool<LlamaSequence> }

async function* generate(
  parts: Parts,
  prompt: readonly number[],
  sampling: TokenSampling,
  signal: AbortSignal,
): AsyncGenerator<TokenStep> {
  const vocabSize = parts.model.fileInfo.metadata.tokenizer?.ggml?.tokens?.length ?? 0
  for (const token of sampling.bias.keys()) {
    if (token >= vocabSize) throw new PromptRefusedError({ reason: `there is no token ${token}`, param: 'logit_bias' })
  }
  const grammar = await grammarOf(parts, sampling.json)
  const place = parts.pool.take(signal)
  if (!place) throw new ModelBusyError()
  const sequence = await place
  try {
    const last = await readPrompt(sequence, prompt, signal)
    const made: number[] = []
    const options = samplingOptions(parts, sampling, grammar, made)
    const { topLogprobs } = sampling
    const steps = sequence.evaluateWithMetadata(last, { probabilities: topLogprobs !== undefined }, options)
    for await (const { token, probabilities } of steps) {
      if (signal.aborted) throw new AbortedError()
      made.push(token)
      yield probabilities ? { token, ...logprobsOf(token, probabilities, topLogprobs!) } : { token }
    }
  } finally {
    await sequence.clearHistory()
    parts.pool.give(sequence)
  }
}

/** All but the end of a long prompt, pass by pass; what is left is for the first token. */
async function readPrompt(sequence: LlamaSequence, prompt: readonly number[], signal: AbortSignal) {
  let at = 0
  for (; prompt.length - at > passTokens; at += passTokens) {
    if (signal.aborted) throw new AbortedError()
    await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(at, at + passTokens))
  }
  if (signal.aborted) throw new AbortedError()
  return prompt.slice(at)
}

async function grammarOf({ llama, library, model }: Parts, json: TokenSampling['json']): Promise<object | undefined> {
  if (!json) return undefined
  try {
    const grammar = json.schema
      ? await llama.createGrammarForJsonSchema(json.schema)
      : await llama.getGrammarFor('json')
    return new library.LlamaGrammarEvaluationState({ model, grammar })
  } catch (fault) {
    const reason = fault instanceof Error ? fault.message.slice(0, 500) : 'its grammar cannot be made'
    throw new PromptRefusedError({ reason, param: 'response_format' })
  }
}

/** Tokens whose repetition counts. */
const repeatTokensMax = 4_096

function samplingOptions(
  { library, model }: Parts,
  { temperature, topP, seed, frequencyPenalty, presencePenalty, bias }: TokenSampling,
  grammar: object | undefined,
  made: readonly number[],
) {
  const tokenBias = bias.size > 0 ? new library.TokenBias(model.tokenizer) : undefined
  for (const [token, logit] of bias) tokenBias?.set(token, logit <= -100 ? 'never' : { logit })
  const penalised = frequencyPenalty !== 0 || presencePenalty !== 0
  return {
    ...{ temperature, topP, seed, topK: 0, minP: 0, yieldEogToken: true as const },
    ...(grammar && { grammarEvaluationState: grammar }),
    ...(tokenBias && { tokenBias }),
    ...(penalised && {
      repeatPenalty: {
        ...{ penalty: 1 as const, frequencyPenalty, presencePenalty, maxPunishTokens: repeatTokensMax },
        punishTokens: () => made.slice(-repeatTokensMax),
      },
    }),
  }
}

/** The map is sorted, the likeliest first. */
function logprobsOf(token: number, probabilities: Map<number, number>, count: number) {
  const top: { token: number; logprob: number }[] = []
  for (const [each, probability] of probabilities) {
    if (top.length >= count) break
    top.push({ token: each, logprob: logOf(probability) })
  }
  return { logprob: logOf(probabilities.get(token) ?? 0), top }
}

/** What cannot be drawn has -9999, as OpenAI has it: JSON knows no infinity. */
const logOf = (probability: number): number => (probability > 0 ? Math.log(probability) : -9_999)
