/** The state of one answer between passes of the model: what goes in next, and what the logits that come out mean. */
import { maskOf } from '../grammar/answerGrammar.ts'
import { bodyOperatorCount } from '../model/describeGraph.ts'
import type { Model } from '../model/loadModel.ts'
import { createAdjuster } from '../sampler/adjustLogits.ts'
import { type Logprobs, logprobsOf } from '../sampler/logprobs.ts'
import { type Draw, drawOf, type Sample, sampleToken } from '../sampler/sampleToken.ts'
import { type RecordedSteps, recordSteps, type StepRecorder, type Trace } from '../trace/recordSteps.ts'
import { type ChatRequest, createChatOutput, type FinishReason, prepareChat } from './chatRequest.ts'

export type ChatTaskOptions = {
  /** `steps` (the default) commits; `operators` also keeps every operator's digest; `none` does neither. */
  trace?: 'none' | 'steps' | 'operators'
  /** List this many likeliest tokens with each token, and its own log-probability; absent means none is computed. */
  topLogprobs?: number
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

export type ChatTask = {
  promptTokens: readonly number[]
  /** Positions that prompt and answer may come to take. */
  capacity: number
  trace: NonNullable<ChatTaskOptions['trace']>
  recorder: StepRecorder | undefined
  /** Tokens that wait to go through the model: what is left of the prompt, or the last output token; none at the end. */
  pending(): readonly number[]
  /** Whether the prompt has gone through. */
  isAnswering(): boolean
  /** What comes next, at most `rowsMax` tokens. */
  next(rowsMax: number): { tokens: readonly number[]; logitsFrom: number }
  /** Takes note that the first `count` tokens of the prompt went through in another run. */
  inherit(count: number, steps: RecordedSteps | undefined): void
  /** How the next token is drawn, if from the logits as the model gives them: anybody may do it then. */
  nextDraw(): Draw | undefined
  /**
   * Takes note that the first `count` pending tokens went through, with the logits of the last if they were wanted.
   * @param drawn - from those logits, by `nextDraw`; absent: is drawn here
   */
  take(count: number, logits: Float32Array | undefined, drawn?: Sample): ChatToken | undefined
  /** The answer, `cancelled` if it has not ended by itself. Ends the task. */
  finish(): ChatRun
}

/** @throws {ChatInvalidError} {ChatTemplateError} */
export function openChatTask(model: Model, request: ChatRequest, options: ChatTaskOptions = {}): ChatTask {
  const { promptTokens, outputLimit } = prepareChat(model, request)
  const { arena, graph, sampleWeights, adjustedLogits } = model.parts
  const { trace: detail = 'steps', topLogprobs } = options
  const recorder = detail === 'none' ? undefined : recordSteps(graph.layerCount, detail === 'operators')
  const sampleOperator = bodyOperatorCount(graph.layerCount) + 2
  const output = createChatOutput(model, request, outputLimit)
  const adjuster = createAdjuster(arena, adjustedLogits, request)
  const mask = maskOf(model.tokenizer, request.shape)
  const run: ChatRun = {
    promptTokens,
    outputTokens: [],
    text: '',
    finishReason: 'cancelled',
    logprobs: [],
    trace: undefined,
  }
  let pending: readonly number[] = promptTokens

  function draw(logits: Float32Array): Sample {
    const changed = adjuster.adjust(logits, mask?.allowed())
    return sampleToken(arena, changed, sampleWeights, request, run.outputTokens.length)
  }

  function choose(logits: Float32Array, row: number, { token, record }: Sample): ChatToken {
    const index = run.outputTokens.length
    recorder?.record(row, sampleOperator, record)
    const logprobs =
      topLogprobs === undefined ? undefined : logprobsOf(arena, logits, sampleWeights, token, topLogprobs)
    const { text, finishReason } = output.push(token)
    run.outputTokens.push(token)
    adjuster.push(token)
    mask?.push(token)
    run.text += text
    if (logprobs !== undefined) run.logprobs.push(logprobs)
    if (finishReason !== undefined) run.finishReason = finishReason
    pending = finishReason === undefined ? [token] : []
    return { index, token, text, logprobs, finishReason }
  }

  return {
    promptTokens,
    capacity: promptTokens.length + outputLimit,
    trace: detail,
    recorder,
    pending: () => pending,
    isAnswering: () => run.outputTokens.length > 0,
    next(rowsMax) {
      const tokens = pending.slice(0, rowsMax)
      return { tokens, logitsFrom: tokens.length === pending.length ? tokens.length - 1 : tokens.length }
    },
    inherit(count, steps) {
      pending = promptTokens.slice(count)
      if (steps !== undefined) recorder?.inherit(steps)
    },
    nextDraw: () => (mask === undefined && adjuster.isIdle() ? drawOf(request, run.outputTokens.length) : undefined),
    take(count, logits, drawn) {
      pending = pending.slice(count)
      return logits === undefined ? undefined : choose(logits, count - 1, drawn ?? draw(logits))
    },
    finish() {
      if (run.finishReason === 'cancelled') run.text += output.flush()
      run.trace = recorder?.finish()
      return run
    },
  }
}
