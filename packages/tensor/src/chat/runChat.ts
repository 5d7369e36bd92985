/** Answers a conversation: prompt in chunks, then token by token, with a trace that commits to every operator. */

import { bodyOperatorCount } from '../model/describeGraph.ts'
import type { Model } from '../model/loadModel.ts'
import { positionsMax } from '../model/scratch.ts'
import { type Logprobs, logprobsOf } from '../sampler/logprobs.ts'
import { sampleToken } from '../sampler/sampleToken.ts'
import { recordSteps, type Trace } from '../trace/recordSteps.ts'
import { type ChatRequest, createChatOutput, type FinishReason, prepareChat } from './chatRequest.ts'

export type ChatRunOptions = {
  /** Called after each token, before the next is computed; may wait, and so slow the run down to its reader. */
  onToken?: (event: ChatToken) => void | Promise<void>
  /** Ends the run with `cancelled` at the next token. */
  signal?: AbortSignal
  /** `steps` (the default) commits; `operators` also keeps every operator's digest; `none` does neither. */
  trace?: 'none' | 'steps' | 'operators'
  /** List this many likeliest tokens with each token, and its own log-probability; absent means none is computed. */
  topLogprobs?: number
  /** Awaited between passes (up to 32 prompt tokens or one output token), so that a host can do other work. */
  pause?: () => Promise<void>
}

export type ChatToken = {
  index: number
  token: number
  /** What this token adds to the text; may be empty, or hold what earlier tokens began. */
  text: string
  logprobs: Logprobs | undefined
  finishReason: 'stop' | 'length' | undefined
}

export type ChatRun = {
  promptTokens: number[]
  /** With the stop token, if the model gave one. */
  outputTokens: number[]
  text: string
  finishReason: FinishReason
  logprobs: Logprobs[]
  trace: Trace | undefined
}

/** @throws {ChatInvalidError} {ChatTemplateError} {NumberNotFiniteError} {MemoryExhaustedError} */
export async function runChat(model: Model, request: ChatRequest, options: ChatRunOptions = {}): Promise<ChatRun> {
  const { promptTokens, outputLimit } = prepareChat(model, request)
  const { arena, graph, sampleWeights } = model.parts
  const detail = options.trace ?? 'steps'
  const recorder = detail === 'none' ? undefined : recordSteps(graph.layerCount, detail === 'operators')
  const sampleOperator = bodyOperatorCount(graph.layerCount) + 2
  const output = createChatOutput(model, request, outputLimit)
  const run: ChatRun = {
    promptTokens,
    outputTokens: [],
    text: '',
    finishReason: 'cancelled',
    logprobs: [],
    trace: undefined,
  }
  const session = model.createSession(promptTokens.length + outputLimit)
  try {
    let pending: readonly number[] = promptTokens
    while (!options.signal?.aborted) {
      const pass = pending.slice(0, positionsMax)
      pending = pending.slice(pass.length)
      const isLast = pending.length === 0
      const [logits] = session.append(pass, isLast ? pass.length - 1 : pass.length, recorder)
      if (logits !== undefined) {
        const index = run.outputTokens.length
        const sample = sampleToken(arena, logits, sampleWeights, request, index)
        recorder?.record(pass.length - 1, sampleOperator, sample.record)
        const logprobs =
          options.topLogprobs === undefined
            ? undefined
            : logprobsOf(arena, logits, sampleWeights, sample.token, options.topLogprobs)
        const { text, finishReason } = output.push(sample.token)
        run.outputTokens.push(sample.token)
        run.text += text
        if (logprobs !== undefined) run.logprobs.push(logprobs)
        if (finishReason !== undefined) run.finishReason = finishReason
        await options.onToken?.({ index, token: sample.token, text, logprobs, finishReason })
        if (finishReason !== undefined) break
        pending = [sample.token]
      }
      await options.pause?.()
    }
  } finally {
    session.close()
  }
  if (run.finishReason === 'cancelled') run.text += output.flush()
  run.trace = recorder?.finish()
  return run
}
