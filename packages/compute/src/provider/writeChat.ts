/** OpenAI's `chat.completion`, whole and streamed. COMPUTE §5.1, §5.2 */
import type { EngineEnd } from '../engine/engine.ts'
import { type ChatChunk, type ChatCompletion, type FinishReason, sseDone, sseEvent } from '../wire/chatAnswer.ts'
import { choicesOfRequest } from '../wire/commitRequest.ts'
import type { ProviderContext } from './providerContext.ts'
import { createSpeaker } from './speakCalls.ts'
import { type AnswerWriter, fingerprintOf, type TokenLogprobs, usageOfAll, type WrittenJob } from './writeAnswer.ts'

type Delta = ChatChunk['choices'][number]['delta']

export function writeChat(context: Pick<ProviderContext, 'engine'>, job: WrittenJob): AnswerWriter {
  const { request } = job
  const common = { created: job.createdSeconds, model: request.model, system_fingerprint: fingerprintOf(context) }
  const head = { id: job.id, object: 'chat.completion.chunk', ...common } as const
  const speakers = Array.from({ length: choicesOfRequest(request) }, (_, choice) => createSpeaker(job, choice))

  function chunkOf(
    index: number,
    delta: ChatChunk['choices'][number]['delta'],
    logprobs: TokenLogprobs = [],
    finishReason: FinishReason | null = null,
  ): string {
    const shown = request.logprobs && logprobs.length > 0 ? { content: logprobs, refusal: null } : null
    const chunk: ChatChunk = {
      ...head,
      choices: [{ index, delta, logprobs: shown, finish_reason: finishReason }],
      ...(request.includeUsage ? { usage: null } : {}),
    }
    return sseEvent(chunk)
  }

  /** The log-probabilities go with the first event; where nothing is said yet, with an empty one. */
  function chunksOf(index: number, deltas: readonly Delta[], logprobs: TokenLogprobs): string {
    const isLate = deltas.length === 0 && request.logprobs && logprobs.length > 0
    const told = isLate ? [{ content: '' }] : deltas
    return told.map((delta, at) => chunkOf(index, delta, at === 0 ? logprobs : [])).join('')
  }

  function finishOf(index: number, end: EngineEnd, rest: string, logprobs: TokenLogprobs): string {
    const speaker = speakers[index]!
    const late = chunksOf(index, [...speaker.piece(rest), ...speaker.rest()], logprobs)
    return late + chunkOf(index, {}, [], speaker.reasonOf(end))
  }

  return {
    whole(ends, logprobs): ChatCompletion {
      return {
        id: job.id,
        object: 'chat.completion',
        ...common,
        choices: ends.map((end, index) => ({
          index,
          message: speakers[index]!.whole(end.outputText),
          logprobs: request.logprobs ? { content: logprobs[index]!, refusal: null } : null,
          finish_reason: speakers[index]!.reasonOf(end),
        })),
        usage: usageOfAll(ends),
      }
    },
    begin: () => speakers.map((_, index) => chunkOf(index, { role: 'assistant', content: '', refusal: null })).join(''),
    piece: (index, text, logprobs) => chunksOf(index, speakers[index]!.piece(text), logprobs),
    finish(ends, rests, logprobs) {
      const finish = ends.map((end, index) => finishOf(index, end, rests[index]!, logprobs[index]!)).join('')
      const last = request.includeUsage ? sseEvent({ ...head, choices: [], usage: usageOfAll(ends) }) : ''
      return finish + last + sseDone
    },
  }
}
