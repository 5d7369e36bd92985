/**
 * A model behind OpenAI's protocol on loopback, for the provider that started it and nobody else: every request has its key.
 * `POST /v1/tokens` counts with the model's tokenizer. Spec: COMPUTE §11.7
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { bytesToText } from '@weightless/codec'
import type { ApiError } from '@weightless/compute/wire'
import { errorResponse } from '@weightless/compute/wire/apiError'
import {
  AbortedError,
  BodyTooLargeError,
  type Env,
  type HttpRequest,
  type HttpResponse,
  readBody,
  type Server,
} from '@weightless/env'
import { ChatTemplateError } from '@weightless/tensor/chat/chatTemplate'
import { readTextRequest, type TextRequest } from './readTextRequest.ts'
import { ContextFullError, runText, type TextEnd, type TextLogprob, type TextPiece } from './runText.ts'
import { ModelBusyError, PromptRefusedError, type TokenModel } from './tokenModel.ts'
import { writeTextAnswer } from './writeTextAnswer.ts'

export type ServeModelOptions = {
  env: Pick<Env, 'clock' | 'network' | 'log'>
  model: TokenModel
  /** Its name in requests and answers. */
  name: string
  /** What a request must bring as bearer. */
  key: string
}

const bodyBytesMax = 8 * 1024 * 1024

export function serveModel({ env, model, name, key }: ServeModelOptions): Promise<Server> {
  const handler = async (request: HttpRequest): Promise<HttpResponse> => {
    if (!isKey(request.headers.authorization, key))
      return errorResponse({ code: 'invalid_api_key', message: 'This port is for its provider alone.' })
    try {
      return await route(request)
    } catch (fault) {
      return refuse(fault, request.signal)
    }
  }

  async function route(request: HttpRequest): Promise<HttpResponse> {
    const { method, path } = request
    if (method === 'GET' && path === '/v1/models') {
      const entry = {
        id: name,
        object: 'model',
        created: 0,
        owned_by: 'weightless',
        context_length: model.contextLength,
      }
      return json({ object: 'list', data: [entry] })
    }
    if (method !== 'POST') return errorResponse({ code: 'not_found', message: 'There is nothing here.' })
    if (path === '/v1/tokens') {
      const { text } = ((await readJson(request)) ?? {}) as { text?: unknown }
      if (typeof text !== 'string') return errorResponse({ code: 'invalid_request', message: "'text' is missing." })
      return json({ tokens: model.countTokens(text) })
    }
    if (path === '/v1/chat/completions') return answer('chat', request)
    if (path === '/v1/completions') return answer('completion', request)
    return errorResponse({ code: 'not_found', message: 'There is nothing here.' })
  }

  async function answer(kind: TextRequest['kind'], request: HttpRequest): Promise<HttpResponse> {
    const body = await readJson(request)
    if (body === undefined) return errorResponse({ code: 'invalid_json', message: 'The body is not JSON.' })
    const read = readTextRequest(kind, body)
    if (!read.ok) return errorResponse(read.error!)
    const asked = read.value
    if (asked.model !== name) return errorResponse({ code: 'model_not_found', message: `There is no ${asked.model}.` })
    const writer = writeTextAnswer(asked, randomBytes(12).toString('hex'), Math.floor(env.clock.nowMs() / 1_000))
    const seed = asked.sampling.seed ?? randomBytes(4).readUInt32LE()
    const run = runText(model, asked, seed, request.signal)
    if (!asked.stream) {
      const { text, logprobs, end } = await gather(run)
      return { ...json(undefined), body: writer.whole(text, logprobs, end) }
    }
    // What is refused is refused by status: the first piece is made before the head is sent.
    const first = await run.next()
    const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }
    return { status: 200, headers, body: stream(run, first, writer, request.signal) }
  }

  async function* stream(
    run: AsyncGenerator<TextPiece, TextEnd>,
    first: IteratorResult<TextPiece, TextEnd>,
    writer: ReturnType<typeof writeTextAnswer>,
    signal: AbortSignal,
  ): AsyncGenerator<string> {
    try {
      if (writer.begin !== '') yield writer.begin
      let step = first
      for (; !step.done; step = await run.next()) {
        const { text, logprobs } = step.value
        if (text !== '' || logprobs.length > 0) yield writer.piece(step.value)
      }
      yield writer.finish(step.value)
    } catch (fault) {
      if (!signal.aborted) throw fault
      // The client has left; nobody reads on.
      env.log.debug('answer left', { model: name })
    } finally {
      await run.return(undefined as never)
    }
  }

  function refuse(fault: unknown, signal: AbortSignal): HttpResponse {
    if (fault instanceof AbortedError || signal.aborted) return { status: 499 }
    const error = errorOf(fault)
    if (error) return errorResponse(error)
    env.log.error('generation failed', { model: name, reason: String(fault) })
    return errorResponse({ code: 'server_error', message: 'The model failed.' })
  }

  return env.network.serve({ port: 0, host: '127.0.0.1', handler, bodyBytesMax, connectionsMax: 256 })
}

async function gather(run: AsyncGenerator<TextPiece, TextEnd>) {
  const texts: string[] = []
  const logprobs: TextLogprob[] = []
  let step = await run.next()
  for (; !step.done; step = await run.next()) {
    texts.push(step.value.text)
    logprobs.push(...step.value.logprobs)
  }
  return { text: texts.join(''), logprobs, end: step.value }
}

function errorOf(fault: unknown): ApiError | undefined {
  if (fault instanceof ContextFullError)
    return { code: 'context_length_exceeded', message: `${String(fault.facts.reason)}.`, param: 'messages' }
  if (fault instanceof PromptRefusedError)
    return { code: 'invalid_value', message: `${String(fault.facts.reason)}.`, param: String(fault.facts.param) }
  if (fault instanceof ChatTemplateError)
    return { code: 'invalid_request', message: `The chat template refuses this: ${String(fault.facts.reason)}` }
  if (fault instanceof ModelBusyError)
    return { code: 'queue_full', message: 'The model is busy.', retryAfterSeconds: 2 }
  if (fault instanceof BodyTooLargeError) return { code: 'request_too_large', message: 'The request is too large.' }
  return undefined
}

function isKey(header: string | undefined, key: string): boolean {
  const given = Buffer.from(header ?? '')
  const wanted = Buffer.from(`Bearer ${key}`)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}

async function readJson({ body }: HttpRequest): Promise<unknown> {
  try {
    return JSON.parse(bytesToText(await readBody(body, bodyBytesMax)))
  } catch (fault) {
    if (fault instanceof BodyTooLargeError) throw fault
    // Not JSON, or not UTF-8: the caller says so.
    return undefined
  }
}

function json(value: unknown): HttpResponse {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) ?? '' }
}
