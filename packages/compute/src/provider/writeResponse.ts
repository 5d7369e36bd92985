/** OpenAI's `response` object, whole and as its events: a message of one text, or calls of functions. Nothing is kept under its id. COMPUTE §5.6 */
import type { EngineEnd } from '../engine/engine.ts'
import { toldShape } from '../wire/responsesShape.ts'
import type { Job } from './openJob.ts'
import type { AnswerWriter } from './writeAnswer.ts'
import { createItemWriter } from './writeItems.ts'

type Status = 'in_progress' | 'completed' | 'incomplete'

export function writeResponse(job: Job, body: unknown): AnswerWriter {
  let sequence = 0
  const event = (type: string, fields: object): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields, sequence_number: sequence++ })}\n\n`
  const hasTools = (job.request.shape?.tools ?? '') !== ''
  const items = createItemWriter(event, job.id.slice(job.id.indexOf('_') + 1), hasTools)
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
      output: end ? items.output() : [],
      ...settingsOf(job, body),
      usage: end ? usageOf(end) : null,
    }
  }

  return {
    whole([end]) {
      items.piece(end!.outputText)
      items.end(statusOf(end!))
      return responseOf(end)
    },
    begin: () =>
      event('response.created', { response: responseOf() }) +
      event('response.in_progress', { response: responseOf() }) +
      items.begin(),
    piece: (_, text) => items.piece(text),
    finish([end], [rest]) {
      const status = statusOf(end!)
      const late = items.piece(rest!) + items.end(status)
      return late + event(`response.${status}`, { response: responseOf(end) })
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
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: request.temperature,
    ...toldShape(body),
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
