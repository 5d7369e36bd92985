/** OpenAI's `response` object, whole and as its events: one message of one text. Nothing is kept under its id. COMPUTE §5.6 */
import type { EngineEnd } from '../engine/engine.ts'
import { toldShape } from '../wire/responsesShape.ts'
import type { Job } from './openJob.ts'
import type { AnswerWriter } from './writeAnswer.ts'

type Status = 'in_progress' | 'completed' | 'incomplete'

export function writeResponse(job: Job, body: unknown): AnswerWriter {
  const itemId = `msg_${job.id.slice(job.id.indexOf('_') + 1)}`
  const place = { item_id: itemId, output_index: 0, content_index: 0 }
  const partOf = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] })
  const itemOf = (status: Status, content: unknown[]) => ({
    id: itemId,
    type: 'message',
    status,
    role: 'assistant',
    content,
  })
  const statusOf = ({ finishReason }: EngineEnd): Status => (finishReason === 'length' ? 'incomplete' : 'completed')
  const responseOf = (end?: EngineEnd) => {
    const status = end ? statusOf(end) : 'in_progress'
    return {
      id: job.id,
      object: 'response',
      created_at: job.createdSeconds,
      status,
      error: null,
      incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
      model: job.request.model,
      output: end ? [itemOf(status, [partOf(end.outputText)])] : [],
      ...settingsOf(job, body),
      usage: end ? usageOf(end) : null,
    }
  }

  let sequence = 0
  const event = (type: string, fields: object): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields, sequence_number: sequence++ })}\n\n`
  const delta = (text: string) => event('response.output_text.delta', { ...place, delta: text, logprobs: [] })

  return {
    whole: ([end]) => responseOf(end),
    begin: () =>
      event('response.created', { response: responseOf() }) +
      event('response.in_progress', { response: responseOf() }) +
      event('response.output_item.added', { output_index: 0, item: itemOf('in_progress', []) }) +
      event('response.content_part.added', { ...place, part: partOf('') }),
    piece: (_, text) => delta(text),
    finish(ends, rests) {
      const [end, rest] = [ends[0]!, rests[0]!]
      const { outputText: text } = end
      const status = statusOf(end)
      return (
        (rest === '' ? '' : delta(rest)) +
        event('response.output_text.done', { ...place, text, logprobs: [] }) +
        event('response.content_part.done', { ...place, part: partOf(text) }) +
        event('response.output_item.done', { output_index: 0, item: itemOf(status, [partOf(text)]) }) +
        event(`response.${status}`, { response: responseOf(end) })
      )
    },
  }
}

/** What the request was, told again; what is not built has the value that changes nothing. */
function settingsOf({ request, maxTokens }: Job, body: unknown) {
  const { instructions, metadata, user } = body as Record<string, unknown>
  return {
    background: false,
    instructions: instructions ?? null,
    max_output_tokens: maxTokens,
    metadata: metadata ?? {},
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: request.temperature,
    ...toldShape(body),
    tool_choice: 'auto',
    tools: [],
    top_p: request.topP,
    truncation: 'disabled',
    user: user ?? null,
  }
}

function usageOf({ promptTokens, outputTokens }: EngineEnd) {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: outputTokens.length,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: promptTokens + outputTokens.length,
  }
}
