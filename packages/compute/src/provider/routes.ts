/** The provider's HTTP interface: OpenAI's paths, the existing SDK's, receipts and vouchers. Spec: COMPUTE §3. */
import { bytesToHex, bytesToText, type Hex, isHexOf } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { BodyTooLargeError, type HttpHandler, type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { LedgerUnreachableError } from '@weightless/ledger'
import { EngineRefusedError } from '../engine/engine.ts'
import type { StoredJob } from '../settlement/jobLog.ts'
import { type ApiError, errorResponse } from '../wire/apiError.ts'
import { readChatRequest } from '../wire/chatRequest.ts'
import { jsonResponse } from '../wire/jsonResponse.ts'
import { decodeTerms, type JobTerms, jobNonceHeader, termsHeader } from '../wire/payment.ts'
import { answerStream, answerWhole } from './answerChat.ts'
import { modelCard } from './modelCard.ts'
import { openJob } from './openJob.ts'
import type { ExactContext, ProviderContext } from './providerContext.ts'
import { listOperators, readJob } from './readJob.ts'
import { answerSdk } from './sdkRoutes.ts'
import { describeAccount, settleWithUser, takeVoucher } from './vouchers.ts'

export const nonceHeader = 'x-weightless-nonce'

/** `opened` is undefined until the model is there. */
export function createProviderHandler(opened: () => ProviderContext | undefined): HttpHandler {
  return async (request) => {
    const context = opened()
    // The existing SDK puts everything under /v1/proxy.
    const path = request.path.replace(/^\/v1\/proxy(?=\/)/, '/v1')
    if (!context) return notReady()
    try {
      return await route(context, request, path)
    } catch (fault) {
      return answerFault(context, fault)
    }
  }
}

async function route(context: ProviderContext, request: HttpRequest, path: string): Promise<HttpResponse> {
  const { method } = request
  if (path === '/v1/models' && method === 'GET') return jsonResponse({ object: 'list', data: [modelCard(context)] })
  if (path.startsWith('/v1/models/') && method === 'GET') return oneModel(context, path.slice('/v1/models/'.length))
  if (path === '/v1/chat/completions') {
    if (method !== 'POST') return refuse('method_not_allowed', 'Use POST.')
    return isExact(context) ? chat(context, request) : refuse('not_found', `Unknown request URL: ${method} ${path}.`)
  }
  const open = await answerSdk(context, request, path)
  if (open) return open
  const caller = await context.authenticate(request.headers.authorization)
  if (!caller.ok) return errorResponse(caller.error!)
  const { user } = caller.value
  if (path === '/v1/vouchers' && method === 'POST') return takeVoucher(context, user, await readJson(context, request))
  if (path === '/v1/settlements' && method === 'POST') {
    return settleWithUser(context, user, await readJson(context, request))
  }
  if (path === '/v1/account' && method === 'GET') return jsonResponse(await describeAccount(context, user))
  const found = /^\/v1\/(receipts|jobs)\/([^/]+)(\/operators)?$/.exec(path)
  if (!found || method !== 'GET') return refuse('not_found', `Unknown request URL: ${method} ${request.path}.`)
  const job = await findJob(context, user, found[1]!, decodeURIComponent(found[2]!))
  if (!job) return refuse('receipt_not_found', 'There is no such receipt of this account.')
  if (!found[3]) return jsonResponse(job.bundle)
  return listOperators(context, readJob(job), user, request.signal)
}

function isExact(context: ProviderContext): context is ExactContext {
  return context.engine.kind === 'exact'
}

async function chat(context: ExactContext, request: HttpRequest): Promise<HttpResponse> {
  const caller = await context.authenticate(request.headers.authorization)
  if (!caller.ok) return refuseChat(context, caller.error!)
  const bytes = await readBody(request.body, context.limits.bodyBytesMax)
  const parsed = readChatRequest(parseJson(bytes))
  if (!parsed.ok) return refuseChat(context, parsed.error!)
  if (parsed.value.model !== context.engine.model.name) return refuseChat(context, unknownModel(parsed.value.model))
  const terms = readTerms(request)
  if (terms && 'code' in terms) return refuseChat(context, terms)
  const { user } = caller.value
  const given = request.headers[nonceHeader]
  const nonce = isHexOf(given, 32) ? given : undefined
  const job = await openJob(context, { user, request: parsed.value, terms, nonce, signal: request.signal })
  if (!job.ok) return refuseJob(context, user, job.error)
  const answering = { context, job: job.value, requestSha256: sha256(bytes) }
  const { signal } = request
  return parsed.value.stream ? answerStream(answering, signal) : answerWhole(answering, signal)
}

function readTerms(request: HttpRequest): JobTerms | ApiError | undefined {
  const header = request.headers[termsHeader]
  if (header === undefined) return undefined
  const terms = decodeTerms(header)
  if (terms.ok) return terms.value
  return { code: 'invalid_authorization', message: `${termsHeader}: ${terms.detail ?? 'malformed'}` }
}

async function findJob(context: ProviderContext, user: Hex, kind: string, id: string): Promise<StoredJob | undefined> {
  const { log } = context
  const job =
    kind === 'jobs'
      ? /^\d{1,17}$/.test(id) && (await log.findByNonce(user, BigInt(id)))
      : await (isHexOf(id, 32) ? log.findByReceipt(id) : log.find(id))
  return job && job.user === user ? job : undefined
}

function oneModel(context: ProviderContext, encoded: string): HttpResponse {
  const id = decodeURIComponent(encoded)
  return id === context.engine.model.name ? jsonResponse(modelCard(context)) : errorResponse(unknownModel(id))
}

function unknownModel(id: string): ApiError {
  return { code: 'model_not_found', message: `The model '${id}' does not exist here; see /v1/models.`, param: 'model' }
}

async function readJson(context: ProviderContext, request: HttpRequest): Promise<unknown> {
  return parseJson(await readBody(request.body, context.limits.bodyBytesMax))
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(bytesToText(bytes))
  } catch {
    // Not JSON at all: `undefined` is refused by every schema.
    return undefined
  }
}

function refuseChat(context: ProviderContext, error: ApiError): HttpResponse {
  context.metrics.refusals.add()
  return errorResponse(error)
}

/** A used job nonce is answered with the next free one, so that a gateway that lost its notes can go on. */
function refuseJob(context: ProviderContext, user: Hex, error: ApiError): HttpResponse {
  context.metrics.refusals.add()
  if (error.code !== 'job_nonce_used') return errorResponse(error)
  return errorResponse(error, { [jobNonceHeader]: (context.log.book.of(user).jobNonce + 1n).toString() })
}

function answerFault(context: ProviderContext, fault: unknown): HttpResponse {
  if (fault instanceof BodyTooLargeError) return refuse('request_too_large', fault.message)
  if (fault instanceof EngineRefusedError) return refuse('invalid_request', fault.message)
  const id = bytesToHex(context.env.random.bytes(6)).slice(2)
  context.env.log.error('request failed', { id, reason: fault instanceof Error ? fault.message : String(fault) })
  if (fault instanceof LedgerUnreachableError) {
    return errorResponse({ code: 'model_not_ready', message: 'The chain does not answer.', retryAfterSeconds: 5 })
  }
  return refuse('server_error', `The provider failed; its log says why under ${id}.`)
}

function notReady(): HttpResponse {
  return errorResponse({ code: 'model_not_ready', message: 'The model is still being opened.', retryAfterSeconds: 5 })
}

function refuse(code: ApiError['code'], message: string): HttpResponse {
  return errorResponse({ code, message })
}
