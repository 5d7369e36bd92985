/** Answers of a chat in the form of Anthropic's Messages API, whole or as its events. Spec: COMPUTE §10.9 */
import { bytesToText } from '@weightless/codec'

type ToolCall = { index?: number; id?: string; function?: { name?: string; arguments?: string } }
type Said = { content?: string | null; tool_calls?: ToolCall[] }
type Usage = { prompt_tokens?: number; completion_tokens?: number }
type Choice = { message?: Said; delta?: Said; finish_reason?: string | null }
type Chunk = { id?: string; choices?: Choice[]; usage?: Usage | null; error?: { message?: string; code?: string } }

/** OpenAI does not tell a stop text from the model's own end. */
const stopReasons: Record<string, string> = { stop: 'end_turn', length: 'max_tokens', tool_calls: 'tool_use' }

const stopReasonOf = (reason: string | null | undefined): string => stopReasons[reason ?? 'stop'] ?? 'end_turn'

const messageId = (id: string | undefined): string => `msg_${(id ?? '').replace(/^chatcmpl-/, '')}`

export function wholeMessage(json: string, model: string): Record<string, unknown> {
  const { id, choices, usage } = JSON.parse(json) as Chunk
  const choice = choices?.[0]
  const content: Record<string, unknown>[] = []
  if (choice?.message?.content) content.push({ type: 'text', text: choice.message.content })
  for (const call of choice?.message?.tool_calls ?? []) {
    const input = parseArguments(call.function?.arguments)
    content.push({ type: 'tool_use', id: call.id ?? '', name: call.function?.name ?? '', input })
  }
  return {
    id: messageId(id),
    type: 'message',
    role: 'assistant',
    model,
    content,
    stop_reason: stopReasonOf(choice?.finish_reason),
    stop_sequence: null,
    usage: usageOf(usage),
  }
}

/** Its events as they come out of the chat's; nothing waits but half an event. */
export async function* messageEvents(
  chunks: AsyncIterable<Uint8Array | string>,
  model: string,
): AsyncGenerator<string> {
  const writer = createEventWriter(model)
  const decoder = new TextDecoder()
  let pending = ''
  for await (const piece of chunks) {
    pending += typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true })
    if (pending.length > pendingCharactersMax) {
      yield errorEvent('api_error', 'The provider’s event is too long.')
      return
    }
    const events = pending.split(/\r?\n\r?\n/)
    pending = events.pop()!
    let written = ''
    for (const event of events) written += writer.add(event)
    if (written) yield written
    if (writer.failed()) return
  }
  const end = writer.end()
  if (end) yield end
}

const pendingCharactersMax = 4 * 1024 * 1024

function createEventWriter(model: string) {
  let begun = false
  let failed = false
  let stopReason: string | undefined
  let usage: Usage | null | undefined
  /** The block that is open: text, or the call of that index. */
  let open: { index: number; call: number | undefined } | undefined
  let blocks = 0

  function begin(id: string | undefined): string {
    if (begun) return ''
    begun = true
    const empty = { type: 'message', role: 'assistant', content: [], stop_reason: null, stop_sequence: null }
    const message = { id: messageId(id), model, ...empty, usage: { input_tokens: 0, output_tokens: 0 } }
    return event('message_start', { message })
  }

  function close(): string {
    if (!open) return ''
    const { index } = open
    open = undefined
    return event('content_block_stop', { index })
  }

  function block(call: number | undefined, start: Record<string, unknown>): string {
    if (open && open.call === call) return ''
    const closed = close()
    open = { index: blocks++, call }
    return closed + event('content_block_start', { index: open.index, content_block: start })
  }

  const delta = (change: Record<string, unknown>): string =>
    event('content_block_delta', { index: open!.index, delta: change })

  function addChunk({ id, choices, usage: told, error }: Chunk): string {
    if (error) {
      failed = true
      return close() + errorEvent('api_error', error.message ?? 'The provider failed.')
    }
    usage = told ?? usage
    let written = begin(id)
    const choice = choices?.[0]
    if (choice?.delta?.content) {
      written += block(undefined, { type: 'text', text: '' })
      written += delta({ type: 'text_delta', text: choice.delta.content })
    }
    for (const call of choice?.delta?.tool_calls ?? []) {
      const name = call.function?.name ?? ''
      written += block(call.index ?? 0, { type: 'tool_use', id: call.id ?? '', name, input: {} })
      const partial = call.function?.arguments
      if (partial) written += delta({ type: 'input_json_delta', partial_json: partial })
    }
    if (choice?.finish_reason) stopReason = stopReasonOf(choice.finish_reason)
    return written
  }

  return {
    failed: () => failed,
    add(event: string): string {
      const data = event.startsWith('data:') ? event.slice('data:'.length).trim() : ''
      if (data === '' || data === '[DONE]') return ''
      try {
        return addChunk(JSON.parse(data) as Chunk)
      } catch {
        failed = true
        return errorEvent('api_error', 'The provider sent what is no event.')
      }
    },
    end(): string {
      if (failed || !begun) return ''
      const change = { stop_reason: stopReason ?? 'end_turn', stop_sequence: null }
      return close() + event('message_delta', { delta: change, usage: usageOf(usage) }) + event('message_stop', {})
    },
  }
}

function usageOf(usage: Usage | null | undefined) {
  return { input_tokens: usage?.prompt_tokens ?? 0, output_tokens: usage?.completion_tokens ?? 0 }
}

function parseArguments(json: string | undefined): unknown {
  try {
    return JSON.parse(json || '{}')
  } catch {
    // A model can write anything; the client sees it as it is.
    return { raw: json }
  }
}

const event = (type: string, fields: Record<string, unknown>): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`

const errorEvent = (type: string, message: string): string => event('error', { error: { type, message } })

const errorTypes: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
}

/** A refusal in Anthropic's shape. */
export function messageError(status: number, message: string): string {
  return JSON.stringify({ type: 'error', error: { type: errorTypes[status] ?? 'api_error', message } })
}

/** The message of a refusal in OpenAI's shape. */
export function messageOfError(body: unknown): string {
  try {
    const text = body instanceof Uint8Array ? bytesToText(body) : String(body)
    const { error } = JSON.parse(text) as { error?: { message?: unknown } }
    return String(error?.message ?? 'The request failed.')
  } catch {
    // A provider's refusal in no shape at all.
    return 'The request failed.'
  }
}
