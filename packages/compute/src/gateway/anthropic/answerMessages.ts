/** `POST /v1/messages`: Anthropic's clients in front of any provider of chat. Spec: COMPUTE §10.9 */
import { bytesToText, concatBytes, textToBytes } from '@weightless/codec'
import { type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { ownedBody } from '../../wire/ownedBody.ts'
import { parseJson } from '../../wire/parseJson.ts'
import { forwardBytes } from '../answerInference.ts'
import type { Customer, GatewayContext } from '../gatewayContext.ts'
import { readMessages } from './readMessages.ts'
import { messageError, messageEvents, messageOfError, wholeMessage } from './writeMessages.ts'

const answerBytesMax = 16 * 1024 * 1024
const bytesPerToken = 4

export async function answerMessages(
  context: GatewayContext,
  customer: Customer,
  request: HttpRequest,
): Promise<HttpResponse> {
  context.metrics.requests.add()
  const body = parseJson(await readBody(request.body, context.limits.bodyBytesMax))
  const read = readMessages(body)
  if (!read.ok) return refuse(400, read.detail ?? 'invalid')
  const model = String(read.value.chat.model)
  // Whatever the client calls its body, what goes on is JSON.
  const headers = { ...request.headers, 'content-type': 'application/json' }
  const { signal } = request
  const bytes = textToBytes(JSON.stringify(read.value.chat))
  const response = await forwardBytes(context, customer, { path: '/v1/chat/completions', headers, signal }, bytes)
  if (response.status !== 200) return refuse(response.status, messageOfError(response.body), response.headers)
  // Small whole answers come in one piece.
  const { body: answer } = response
  const chunks = answer instanceof Uint8Array ? piecesOf(answer) : (answer as AsyncIterable<Uint8Array>)
  const kept = { ...response.headers }
  if (!read.value.stream) {
    const pieces: Uint8Array[] = []
    let size = 0
    for await (const piece of chunks) {
      size += piece.length
      if (size > answerBytesMax) return refuse(502, 'The provider’s answer is too long.')
      pieces.push(piece)
    }
    return { status: 200, headers: kept, body: JSON.stringify(wholeMessage(bytesToText(concatBytes(pieces)), model)) }
  }
  const abandon = async () => void (await chunks[Symbol.asyncIterator]().return?.())
  return { status: 200, headers: kept, body: ownedBody(messageEvents(chunks, model), abandon) }
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** Nobody here knows the tokenizer of every provider: a guess that says so. */
export async function estimateTokens(context: GatewayContext, request: HttpRequest): Promise<HttpResponse> {
  const bytes = await readBody(request.body, context.limits.bodyBytesMax)
  const body = parseJson(bytes)
  if (typeof body !== 'object' || body === null) return refuse(400, 'The body must be a JSON object.')
  const { messages, system, tools } = body as Record<string, unknown>
  const counted = textToBytes(JSON.stringify([messages, system, tools])).length
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'x-weightless-estimate': 'true' },
    body: JSON.stringify({ input_tokens: Math.ceil(counted / bytesPerToken), estimated: true }),
  }
}

/** Anthropic's shape for whatever was refused on the way. */
export function refuse(status: number, message: string, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  const kept = Object.entries(headers).filter(([name]) => /^(x-|retry-after)/.test(name))
  return {
    status,
    headers: { ...Object.fromEntries(kept), 'content-type': 'application/json' },
    body: messageError(status, message),
  }
}
