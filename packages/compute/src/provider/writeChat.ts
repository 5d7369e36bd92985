/** OpenAI's `chat.completion`, whole and streamed. COMPUTE §5.1, §5.2 */
import { type ChatChunk, type ChatCompletion, sseDone, sseEvent, usageOf } from '../wire/chatAnswer.ts'
import type { Job } from './openJob.ts'
import type { ProviderContext } from './providerContext.ts'
import { type AnswerWriter, fingerprintOf, type TokenLogprobs } from './writeAnswer.ts'

export function writeChat(context: ProviderContext, job: Job): AnswerWriter {
  const { request } = job
  const common = { created: job.createdSeconds, model: request.model, system_fingerprint: fingerprintOf(context) }
  const head = { id: job.id, object: 'chat.completion.chunk', ...common } as const

  function chunkOf(
    delta: ChatChunk['choices'][number]['delta'],
    logprobs: TokenLogprobs = [],
    finishReason: 'stop' | 'length' | null = null,
  ): string {
    const shown = request.logprobs && logprobs.length > 0 ? { content: logprobs, refusal: null } : null
    const chunk: ChatChunk = {
      ...head,
      choices: [{ index: 0, delta, logprobs: shown, finish_reason: finishReason }],
      ...(request.includeUsage ? { usage: null } : {}),
    }
    return sseEvent(chunk)
  }

  return {
    whole(end, logprobs): ChatCompletion {
      return {
        id: job.id,
        object: 'chat.completion',
        ...common,
        choices: [
          {
            index: 0,
            message: { role: 'assistant', content: end.outputText, refusal: null },
            logprobs: request.logprobs ? { content: logprobs, refusal: null } : null,
            finish_reason: end.finishReason === 'length' ? 'length' : 'stop',
          },
        ],
        usage: usageOf(end.promptTokens, end.outputTokens.length),
      }
    },
    begin: () => chunkOf({ role: 'assistant', content: '', refusal: null }),
    piece: (text, logprobs) => chunkOf({ content: text }, logprobs),
    finish(end, rest, logprobs) {
      const late = rest !== '' || (request.logprobs && logprobs.length > 0)
      const text = late ? chunkOf({ content: rest }, logprobs) : ''
      const finish = chunkOf({}, [], end.finishReason === 'length' ? 'length' : 'stop')
      const usage = usageOf(end.promptTokens, end.outputTokens.length)
      const last = request.includeUsage ? sseEvent({ ...head, choices: [], usage }) : ''
      return text + finish + last + sseDone
    },
  }
}
