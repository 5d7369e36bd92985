/** OpenAI's `text_completion`, whole and streamed, with log-probabilities in its own form. COMPUTE §5.5 */
import { sseDone, sseEvent, usageOf } from '../wire/chatAnswer.ts'
import type { Job } from './openJob.ts'
import type { ProviderContext } from './providerContext.ts'
import { type AnswerWriter, fingerprintOf, type TokenLogprobs } from './writeAnswer.ts'

type CompletionLogprobs = {
  tokens: string[]
  token_logprobs: number[]
  top_logprobs: Record<string, number>[]
  /** Characters (code points) of the answer before each token. */
  text_offset: number[]
}

export function writeCompletion(context: ProviderContext, job: Job): AnswerWriter {
  const { request } = job
  const head = {
    id: job.id,
    object: 'text_completion',
    created: job.createdSeconds,
    model: request.model,
    system_fingerprint: fingerprintOf(context),
  } as const
  const listLogprobs = createLister()

  function choiceOf(text: string, logprobs: TokenLogprobs, finishReason: 'stop' | 'length' | null) {
    const listed = request.logprobs ? listLogprobs(logprobs) : null
    return { index: 0, text, logprobs: listed, finish_reason: finishReason }
  }

  function chunkOf(text: string, logprobs: TokenLogprobs, finishReason: 'stop' | 'length' | null = null): string {
    const usage = request.includeUsage ? { usage: null } : {}
    return sseEvent({ ...head, choices: [choiceOf(text, logprobs, finishReason)], ...usage })
  }

  return {
    whole: (end, logprobs) => ({
      ...head,
      choices: [choiceOf(end.outputText, logprobs, end.finishReason === 'length' ? 'length' : 'stop')],
      usage: usageOf(end.promptTokens, end.outputTokens.length),
    }),
    begin: () => '',
    piece: chunkOf,
    finish(end, rest, logprobs) {
      const finish = chunkOf(rest, logprobs, end.finishReason === 'length' ? 'length' : 'stop')
      const usage = usageOf(end.promptTokens, end.outputTokens.length)
      const last = request.includeUsage ? sseEvent({ ...head, choices: [], usage }) : ''
      return finish + last + sseDone
    },
  }
}

/** Tokens may end within a character, so offsets follow the bytes. */
function createLister() {
  const decoder = new TextDecoder()
  let offset = 0
  return (logprobs: TokenLogprobs): CompletionLogprobs => {
    const listed: CompletionLogprobs = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] }
    for (const { token, logprob, bytes, top_logprobs } of logprobs) {
      listed.tokens.push(token)
      listed.token_logprobs.push(logprob)
      // The chosen token is always there, as OpenAI has it.
      listed.top_logprobs.push(
        Object.fromEntries([...top_logprobs, { token, logprob }].map((t) => [t.token, t.logprob])),
      )
      listed.text_offset.push(offset)
      offset += [...decoder.decode(Uint8Array.from(bytes ?? []), { stream: true })].length
    }
    return listed
  }
}
