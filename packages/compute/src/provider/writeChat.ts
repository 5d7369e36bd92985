/** OpenAI's `chat.completion`, whole and streamed. COMPUTE §5.1, §5.2 */
import type { EngineEnd } from '../engine/engine.ts'
import { type ChatChunk, type ChatCompletion, sseDone, sseEvent } from '../wire/chatAnswer.ts'
import { choicesOfRequest } from '../wire/commitRequest.ts'
import type { ProviderContext } from './providerContext.ts'
import { type AnswerWriter, fingerprintOf, type TokenLogprobs, usageOfAll, type WrittenJob } from './writeAnswer.ts'

export function writeChat(context: Pick<ProviderContext, 'engine'>, job: WrittenJob): AnswerWriter {
  const { request } = job
  const common = { created: job.createdSeconds, model: request.model, system_fingerprint: fingerprintOf(context) }
  const head = { id: job.id, object: 'chat.completion.chunk', ...common } as const
  const count = choicesOfRequest(request)

  function chunkOf(
    index: number,
    delta: ChatChunk['choices'][number]['delta'],
    logprobs: TokenLogprobs = [],
    finishReason: 'stop' | 'length' | null = null,
  ): string {
    const shown = request.logprobs && logprobs.length > 0 ? { content: logprobs, refusal: null } : null
    const chunk: ChatChunk = {
      ...head,
      choices: [{ index, delta, logprobs: shown, finish_reason: finishReason }],
      ...(request.includeUsage ? { usage: null } : {}),
    }
    return sseEvent(chunk)
  }

  function finishOf(index: number, end: EngineEnd, rest: string, logprobs: TokenLogprobs): string {
    const late = rest !== '' || (request.logprobs && logprobs.length > 0)
    const text = late ? chunkOf(index, { content: rest }, logprobs) : ''
    return text + chunkOf(index, {}, [], reasonOf(end))
  }

  return {
    whole(ends, logprobs): ChatCompletion {
      return {
        id: job.id,
        object: 'chat.completion',
        ...common,
        choices: ends.map((end, index) => ({
          index,
          message: { role: 'assistant', content: end.outputText, refusal: null },
          logprobs: request.logprobs ? { content: logprobs[index]!, refusal: null } : null,
          finish_reason: reasonOf(end),
        })),
        usage: usageOfAll(ends),
      }
    },
    begin: () =>
      Array.from({ length: count }, (_, index) =>
        chunkOf(index, { role: 'assistant', content: '', refusal: null }),
      ).join(''),
    piece: (index, text, logprobs) => chunkOf(index, { content: text }, logprobs),
    finish(ends, rests, logprobs) {
      const finish = ends.map((end, index) => finishOf(index, end, rests[index]!, logprobs[index]!)).join('')
      const last = request.includeUsage ? sseEvent({ ...head, choices: [], usage: usageOfAll(ends) }) : ''
      return finish + last + sseDone
    },
  }
}

const reasonOf = ({ finishReason }: EngineEnd): 'stop' | 'length' => (finishReason === 'length' ? 'length' : 'stop')
