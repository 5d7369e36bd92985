/**
 * Ways to cheat behind a public interface that looks honest: the same signatures, hashes and identities, another
 * computation. They exist to be caught; nothing of the product imports them.
 */
import { bytesToHex, textToBytes } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import { bytesSource, describeModel, readGguf } from '@weightless/tensor'
import type { EngineEnd, EngineJob, EngineModel, EngineRun, EngineToken, ExactEngine } from '../src/engine/engine.ts'
import { openTensorEngine } from '../src/engine/openTensorEngine.ts'

export const cheats = [
  'none',
  'weight-ulp',
  'other-model',
  'sampler',
  'template',
  'changed-answer',
  'swapped-token',
  'inflated-prompt',
  'inflated-completion',
] as const

export type Cheat = (typeof cheats)[number]

export type CheatingEngineOptions = {
  env: Pick<Env, 'tasks' | 'log'>
  name: string
  /** What it claims to run. */
  weights: Uint8Array
  /** What it runs with `other-model`. */
  otherWeights?: Uint8Array
  cheat: Cheat
}

export async function openCheatingEngine(options: CheatingEngineOptions): Promise<ExactEngine> {
  const { env, name, weights, cheat } = options
  const { programId, tokenizerRoot, info } = await describeModel(weights)
  const { contextLength } = info
  const modelRoot = bytesToHex(fileRoot(weights))
  const used = (await cheatingWeights(options)) ?? weights.slice()
  // In a dispute it works from what it really ran.
  const engine = await openTensorEngine({ env, name, weights: used.slice(), file: bytesSource(used) })
  return wrap(engine, { ...engine.model, modelRoot, programId, tokenizerRoot, contextLength }, cheat)
}

/** The file that is really run, where it is not the claimed one. */
async function cheatingWeights({ cheat, weights, otherWeights }: CheatingEngineOptions) {
  if (cheat === 'other-model') return otherWeights?.slice()
  if (cheat === 'weight-ulp') return flipLastBit(weights)
  if (cheat === 'template') return changeTemplate(weights)
  return undefined
}

/** One unit in the last place of one weight of the last layer. */
async function flipLastBit(weights: Uint8Array): Promise<Uint8Array> {
  const changed = weights.slice()
  const gguf = await readGguf({
    sizeBytes: weights.length,
    read: async (offset, length) => weights.subarray(offset, offset + length),
  })
  const tensors = [...gguf.tensors.values()]
  const tensor = tensors.findLast(({ name }) => name.endsWith('ffn_down.weight')) ?? tensors.at(-1)!
  // Blocks begin with their scale, least significant byte first: its lowest bit is one ulp of f16.
  changed[tensor.offset]! ^= 1
  return changed
}

/** One byte of the chat template, its length unchanged. */
function changeTemplate(weights: Uint8Array): Uint8Array {
  const changed = weights.slice()
  const at = indexOf(changed, textToBytes('tokenizer.chat_template'))
  const word = indexOf(changed, textToBytes('<|im_start|>'), at)
  const target = word >= 0 ? word + '<|im_'.length : indexOf(changed, textToBytes('content'), at)
  changed[target]! ^= 0x20
  return changed
}

function indexOf(bytes: Uint8Array, wanted: Uint8Array, from = 0): number {
  for (let at = Math.max(0, from); at <= bytes.length - wanted.length; at++) {
    if (wanted.every((byte, index) => bytes[at + index] === byte)) return at
  }
  return -1
}

function wrap(engine: ExactEngine, model: EngineModel, cheat: Cheat): ExactEngine {
  const bend = (job: EngineJob): EngineJob =>
    cheat === 'sampler'
      ? { ...job, sampler: { ...job.sampler, temperature: job.sampler.temperature * 1.01 + 0.01 } }
      : job
  return {
    kind: 'exact',
    model,
    concurrent: engine.concurrent,
    countPrompt: (messages, tools) => engine.countPrompt(messages, tools),
    start: async (job) => bendRun(await engine.start(bend(job)), cheat),
    traceOperators: (job, end) => engine.traceOperators(bend(job), end),
    ...(engine.defend && {
      defend: (disputed) => engine.defend!({ ...disputed, job: bend(disputed.job) }),
    }),
    ...(engine.forgetDispute && { forgetDispute: (key) => engine.forgetDispute!(key) }),
    close: () => engine.close(),
  }
}

function bendRun(run: EngineRun, cheat: Cheat): EngineRun {
  return {
    promptTokens: run.promptTokens,
    tokens: cheat === 'changed-answer' ? shout(run.tokens) : run.tokens,
    end: async (keepTokens) => bendEnd(await run.end(keepTokens), cheat),
  }
}

async function* shout(tokens: AsyncIterable<EngineToken>): AsyncGenerator<EngineToken> {
  for await (const token of tokens) yield { ...token, text: changedText(token.text) }
}

/** Same length, so that the rest of a stream stays where it was. */
const changedText = (text: string): string => text.replace(/[a-z0-9 ]/, '!')

function bendEnd(end: EngineEnd, cheat: Cheat): EngineEnd {
  if (cheat === 'changed-answer') return { ...end, outputText: changedText(end.outputText) }
  if (cheat === 'inflated-prompt') return { ...end, promptTokens: end.promptTokens + 1 }
  if (cheat === 'inflated-completion') return { ...end, outputTokens: [...end.outputTokens, 5] }
  if (cheat !== 'swapped-token') return end
  const outputTokens = end.outputTokens.map((token, index) => (index === 1 ? (token + 1) % 256 : token))
  return { ...end, outputTokens }
}
