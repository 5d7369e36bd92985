/** OpenAI's `text_completion`, whole and streamed, with log-probabilities in its own form. COMPUTE §5.5 */
import type { EngineEnd } from '../engine/engine.ts'
import { sseDone, sseEvent } from '../wire/chatAnswer.ts'
import { choicesOfRequest } from '../wire/commitRequest.ts'
import type { ProviderContext } from './providerContext.ts'
import { type AnswerWriter, fingerprintOf, type TokenLogprobs, usageOfAll, type WrittenJob } from './writeAnswer.ts'

type CompletionLogprobs = {
  tokens: string[]
  token_logprobs: number[]
  top_logprobs: Record<string, number>[]
  /** Characters (code points) of the answer before each token. */
  text_offset: number[]
}

export function writeCompletion(context: ProviderContext, job: WrittenJob): AnswerWriter {
  const { request } = job
  const head = {
    id: job.id,
    object: 'text_completion',
    created: job.createdSeconds,
    model: request.model,
    system_fingerprint: fingerprintOf(context),
  } as const
  const listers = Array.from({ length: choicesOfRequest(request) }, createLister)

  function choiceOf(index: number, text: string, logprobs: TokenLogprobs, finishReason: 'stop' | 'length' | null) {
    const listed = request.logprobs ? listers[index]!(logprobs) : null
    return { index, text, logprobs: listed, finish_reason: finishReason }
  }

  function chunkOf(
    index: number,
    text: string,
    logprobs: TokenLogprobs,
    finishReason: 'stop' | 'length' | null = null,
  ): string {
    const usage = request.includeUsage ? { usage: null } : {}
    return sseEvent({ ...head, choices: [choiceOf(index, text, logprobs, finishReason)], ...usage })
  }

  return {
    whole: (ends, logprobs) => ({
      ...head,
      choices: ends.map((end, index) => choiceOf(index, end.outputText, logprobs[index]!, reasonOf(end))),
      usage: usageOfAll(ends),
    }),
    begin: () => '',
    piece: chunkOf,
    finish(ends, rests, logprobs) {
      const finish = ends.map((end, index) => chunkOf(index, rests[index]!, logprobs[index]!, reasonOf(end))).join('')
      const last = request.includeUsage ? sseEvent({ ...head, choices: [], usage: usageOfAll(ends) }) : ''
      return finish + last + sseDone
    },
  }
}

const reasonOf = ({ finishReason }: EngineEnd): 'stop' | 'length' => (finishReason === 'length' ? 'length' : 'stop')

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
