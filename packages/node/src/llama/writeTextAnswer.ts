/** Answers in OpenAI's words, whole and streamed: `chat.completion`, `text_completion` and their chunks. */
import { sseDone, sseEvent, usageOf } from '@weightless/compute/wire/chatAnswer'
import type { TextRequest } from './readTextRequest.ts'
import type { TextEnd, TextLogprob, TextPiece } from './runText.ts'

export type TextWriter = {
  whole(text: string, logprobs: TextLogprob[], end: TextEnd): string
  /** What comes before the first text. */
  begin: string
  piece(piece: TextPiece): string
  finish(end: TextEnd): string
}

export function writeTextAnswer(request: TextRequest, id: string, createdSeconds: number): TextWriter {
  return request.kind === 'chat'
    ? chatWriter(request, id, createdSeconds)
    : completionWriter(request, id, createdSeconds)
}

function chatWriter({ model, includeUsage, sampling }: TextRequest, id: string, created: number): TextWriter {
  const head = { id: `chatcmpl-${id}`, object: 'chat.completion.chunk', created, model } as const
  const listed = (logprobs: TextLogprob[]) =>
    sampling.topLogprobs === undefined || logprobs.length === 0 ? null : { content: logprobs, refusal: null }
  const chunk = (delta: object, logprobs: TextLogprob[], finish_reason: string | null) =>
    sseEvent({
      ...head,
      choices: [{ index: 0, delta, logprobs: listed(logprobs), finish_reason }],
      ...(includeUsage && { usage: null }),
    })
  return {
    whole: (content, logprobs, end) =>
      JSON.stringify({
        ...{ ...head, object: 'chat.completion' },
        choices: [
          {
            ...{ index: 0, message: { role: 'assistant', content, refusal: null } },
            ...{ logprobs: listed(logprobs), finish_reason: end.finishReason },
          },
        ],
        usage: usageOf(end.promptTokens, end.outputTokens),
      }),
    begin: chunk({ role: 'assistant', content: '', refusal: null }, [], null),
    piece: ({ text, logprobs }) => chunk({ content: text }, logprobs, null),
    finish: (end) => chunk({}, [], end.finishReason) + usageEvent(head, includeUsage, end) + sseDone,
  }
}

function completionWriter({ model, includeUsage, sampling }: TextRequest, id: string, created: number): TextWriter {
  const head = { id: `cmpl-${id}`, object: 'text_completion', created, model } as const
  let offset = 0
  const listed = (logprobs: TextLogprob[]) => {
    if (sampling.topLogprobs === undefined) return null
    const list = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] } as CompletionLogprobs
    for (const each of logprobs) {
      list.tokens.push(each.token)
      list.token_logprobs.push(each.logprob)
      list.top_logprobs.push(Object.fromEntries([...each.top_logprobs, each].map((t) => [t.token, t.logprob])))
      list.text_offset.push(offset)
      offset += [...each.token].length
    }
    return list
  }
  const choice = (text: string, logprobs: TextLogprob[], finish_reason: string | null) => ({
    ...{ index: 0, text, logprobs: listed(logprobs), finish_reason },
  })
  const chunk = (text: string, logprobs: TextLogprob[], finishReason: string | null) =>
    sseEvent({ ...head, choices: [choice(text, logprobs, finishReason)], ...(includeUsage && { usage: null }) })
  return {
    whole: (text, logprobs, end) =>
      JSON.stringify({
        ...{ ...head, choices: [choice(text, logprobs, end.finishReason)] },
        usage: usageOf(end.promptTokens, end.outputTokens),
      }),
    begin: '',
    piece: ({ text, logprobs }) => chunk(text, logprobs, null),
    finish: (end) => chunk('', [], end.finishReason) + usageEvent(head, includeUsage, end) + sseDone,
  }
}

type CompletionLogprobs = {
  tokens: string[]
  token_logprobs: number[]
  top_logprobs: Record<string, number>[]
  text_offset: number[]
}

function usageEvent(head: object, includeUsage: boolean, { promptTokens, outputTokens }: TextEnd): string {
  return includeUsage ? sseEvent({ ...head, choices: [], usage: usageOf(promptTokens, outputTokens) }) : ''
}
