/** Turns tokens into text that is certain: whole characters, no part of a stop text; and says why an answer ended. */
import type { TokenLogprob } from '@weightless/compute/wire'
import { createStopMatcher } from '@weightless/tensor/chat/stopMatcher'
import type { TextRequest } from './readTextRequest.ts'
import { PromptRefusedError, type TokenModel, type TokenStep } from './tokenModel.ts'

export type TextLogprob = TokenLogprob & { top_logprobs: TokenLogprob[] }
export type TextPiece = { text: string; logprobs: TextLogprob[] }
export type TextEnd = { finishReason: 'stop' | 'length'; promptTokens: number; outputTokens: number }

/** Tokens that a character may be cut into before it is taken for damaged. */
const heldTokensMax = 8
/** Tokens before, which tell the tokenizer whether a space belongs between. */
const beforeTokens = 8
/** A grammar allows white space for ever after the value; this much ends the answer. */
const jsonEnd = '\n\n\n\n'

/** Yields what is new, returns how it ended; what is left at the end comes with the last piece. */
export async function* runText(
  model: TokenModel,
  request: TextRequest,
  seed: number,
  signal: AbortSignal,
): AsyncGenerator<TextPiece, TextEnd> {
  const prompt = model.promptTokens(request.messages)
  const room = model.contextLength - prompt.length
  if (prompt.length === 0) throw new PromptRefusedError({ reason: 'the prompt is empty', param: 'messages' })
  if (room < 1) throw new ContextFullError({ promptTokens: prompt.length, contextLength: model.contextLength })
  const limit = Math.min(room, request.maxTokens ?? room)
  const { sampling } = request
  const decoder = createDecoder(model, prompt)
  const matcher = createStopMatcher(sampling.json ? [...request.stop, jsonEnd] : request.stop)
  let count = 0
  let logprobs: TextLogprob[] = []
  for await (const step of model.generate(prompt, { ...sampling, seed }, signal)) {
    count++
    if (model.isEnd(step.token)) break
    if (step.logprob !== undefined) logprobs.push(logprobOf(model, step))
    const { text, stopped } = matcher.push(decoder.push(step.token))
    if (stopped || count >= limit) {
      yield { text: stopped ? text : text + flush(matcher, decoder), logprobs }
      return { finishReason: stopped ? 'stop' : 'length', promptTokens: prompt.length, outputTokens: count }
    }
    if (text === '') continue
    yield { text, logprobs }
    logprobs = []
  }
  yield { text: flush(matcher, decoder), logprobs }
  return { finishReason: 'stop', promptTokens: prompt.length, outputTokens: count }
}

type Decoder = ReturnType<typeof createDecoder>

function createDecoder(model: TokenModel, prompt: readonly number[]) {
  let before = prompt.slice(-beforeTokens)
  let held: number[] = []
  const take = (): string => {
    const text = model.textOf(held, before)
    before = [...before, ...held].slice(-beforeTokens)
    held = []
    return text
  }
  return {
    push(token: number): string {
      held.push(token)
      const isWhole = !model.textOf(held, before).endsWith('\ufffd')
      return isWhole || held.length >= heldTokensMax ? take() : ''
    },
    flush: () => (held.length > 0 ? take() : ''),
  }
}

function flush(matcher: ReturnType<typeof createStopMatcher>, decoder: Decoder): string {
  const last = matcher.push(decoder.flush())
  return last.stopped ? last.text : last.text + matcher.flush()
}

function logprobOf(model: TokenModel, { token, logprob = 0, top = [] }: TokenStep): TextLogprob {
  const shown = (id: number, value: number): TokenLogprob => {
    const text = model.textOf([id], [])
    // A part of a character has bytes that the library does not tell.
    return { token: text, logprob: value, bytes: text.includes('\ufffd') ? null : [...Buffer.from(text, 'utf8')] }
  }
  return { ...shown(token, logprob), top_logprobs: top.map((each) => shown(each.token, each.logprob)) }
}

export class ContextFullError extends PromptRefusedError {
  constructor({ promptTokens, contextLength }: { promptTokens: number; contextLength: number }) {
    super({ reason: `the prompt has ${promptTokens} tokens, the model takes ${contextLength}`, param: 'messages' })
  }
}
