/** What a user asks of a model, checked, and the rules by which an answer ends. */
import { WeightlessError } from '@weightless/codec'
import type { AnswerShape } from '../grammar/answerGrammar.ts'
import type { ModelDescription } from '../model/loadModel.ts'
import type { Adjustments } from '../sampler/adjustLogits.ts'
import type { SamplingParameters } from '../sampler/sampleToken.ts'
import type { ChatMessage } from './chatMessage.ts'
import { createStopMatcher } from './stopMatcher.ts'

export type ChatRequest = SamplingParameters &
  Adjustments & {
    messages: readonly ChatMessage[]
    /** Output tokens at most; fewer when the context is full. */
    maxTokens: number
    /** Texts that end the answer and are not part of it; up to 16. */
    stop?: readonly string[] | undefined
    /** What the answer is held to; absent: nothing. */
    shape?: AnswerShape | undefined
  }

/** `stop`: the model or a stop text ended it; `length`: maxTokens or the context did; `cancelled`: the caller did. */
export type FinishReason = 'stop' | 'length' | 'cancelled'

/** Far beyond any context; keeps hostile text from the tokenizer. */
const charactersMax = 1 << 21
const logitBiasMax = 1_024

export type PreparedChat = { promptTokens: number[]; outputLimit: number }

/** @throws {ChatInvalidError} {ChatTemplateError} */
export function prepareChat(model: ModelDescription, request: ChatRequest): PreparedChat {
  const { temperature, topP, seed32, maxTokens, stop = [] } = request
  if (!(temperature >= 0 && temperature <= 100)) throw new ChatInvalidError('temperature is not in 0…100')
  if (!(topP > 0 && topP <= 1)) throw new ChatInvalidError('top-p is not in (0, 1]')
  if (seed32.length !== 32) throw new ChatInvalidError('the seed is not 32 bytes')
  if (!Number.isInteger(maxTokens) || maxTokens < 1) throw new ChatInvalidError('maxTokens is not a positive integer')
  if (stop.length > 16 || stop.some((text) => text === '')) {
    throw new ChatInvalidError('stop texts are empty or more than 16')
  }
  checkAdjustments(model, request)
  const characters = request.messages.reduce((sum, { role, content }) => sum + role.length + content.length, 0)
  if (characters > charactersMax) throw new ChatInvalidError(`the conversation has ${characters} characters`)
  const promptTokens = model.promptTokens(request.messages, request.shape?.tools)
  const room = model.info.contextLength - promptTokens.length
  if (promptTokens.length === 0) throw new ChatInvalidError('the prompt is empty')
  if (room < 1) {
    throw new ChatInvalidError(
      `the prompt has ${promptTokens.length} tokens, the model takes ${model.info.contextLength}`,
    )
  }
  return { promptTokens, outputLimit: Math.min(maxTokens, room) }
}

function checkAdjustments({ info }: ModelDescription, request: Adjustments): void {
  const { presencePenalty = 0, frequencyPenalty = 0, logitBias = [] } = request
  for (const penalty of [presencePenalty, frequencyPenalty]) {
    if (!(Math.abs(penalty) <= 2)) throw new ChatInvalidError('a penalty is not in −2…2')
  }
  if (logitBias.length > logitBiasMax) throw new ChatInvalidError(`more than ${logitBiasMax} tokens have a bias`)
  for (const [token, bias] of logitBias) {
    if (!Number.isInteger(token) || token < 0 || token >= info.vocabSize) {
      throw new ChatInvalidError(`token ${token} has a bias, the model has tokens below ${info.vocabSize}`)
    }
    if (!(Math.abs(bias) <= 100)) throw new ChatInvalidError('a bias is not in −100…100')
  }
}

export type ChatOutput = {
  /** Takes the next output token; returns the text to show and, when the answer ends here, why. */
  push(token: number): { text: string; finishReason: 'stop' | 'length' | undefined }
  /** Text held back when the answer is cut short. */
  flush(): string
}

export function createChatOutput(model: ModelDescription, request: ChatRequest, outputLimit: number): ChatOutput {
  const decoder = model.tokenizer.createDecoder()
  const matcher = createStopMatcher(request.stop ?? [])
  let count = 0
  const flush = () => {
    const last = matcher.push(decoder.flush())
    return last.stopped ? last.text : last.text + matcher.flush()
  }
  return {
    push(token) {
      count++
      if (model.tokenizer.isStop(token)) return { text: flush(), finishReason: 'stop' }
      const { text, stopped } = matcher.push(decoder.push(token))
      if (stopped) return { text, finishReason: 'stop' }
      if (count >= outputLimit) return { text: text + flush(), finishReason: 'length' }
      return { text, finishReason: undefined }
    },
    flush,
  }
}

export class ChatInvalidError extends WeightlessError {
  constructor(reason: string) {
    super('tensor/chat-invalid', `The request cannot be run: ${reason}.`)
  }
}
