/** The provider's HTTP interface: OpenAI's paths, the existing SDK's, receipts and vouchers. Spec: COMPUTE §3. */
import { bytesToHex, type Hex, isHexOf } from '@weightless/codec'
import { BodyTooLargeError, type HttpHandler, type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { LedgerUnreachableError } from '@weightless/ledger'
import { EngineRefusedError } from '../engine/engine.ts'
import type { StoredJob } from '../settlement/jobLog.ts'
import { ProviderMovedError } from '../settlement/movableLog.ts'
import { type ApiError, errorResponse } from '../wire/apiError.ts'
import { jsonResponse } from '../wire/jsonResponse.ts'
import { parseJson } from '../wire/parseJson.ts'
import { jobNonceHeader } from '../wire/payment.ts'
import { isServicePath, type ServicePath } from '../wire/services.ts'
import { answerDispute } from './answerDispute.ts'
import { answerEmbeddings } from './answerEmbeddings.ts'
import { answerExact } from './answerExact.ts'
import { closedFor } from './doors.ts'
import type { HandOver } from './handover/handOver.ts'
import { listAdapters } from './listAdapters.ts'
import { modelCard } from './modelCard.ts'
import { answerOperator, type Operator } from './operator/answerOperator.ts'
import type { EncoderContext, ExactContext, ProviderContext, UpstreamContext } from './providerContext.ts'
import { listOperators, readJob } from './readJob.ts'
import type { JobHeaders } from './readTerms.ts'
import { consentToRefund } from './refundConsent.ts'
import { answerSdk } from './sdkRoutes.ts'
import { signJobs } from './signJobs.ts'
import { unknownModel } from './unknownModel.ts'
import { answerUpstream } from './upstream/answerUpstream.ts'
import { describeAccount, settleWithUser, takeVoucher } from './vouchers.ts'

/** `opened` is undefined until the model is there. */
export function createProviderHandler(
  opened: () => { context: ProviderContext; handOver: HandOver | undefined } | undefined,
  operator: Operator,
  /** Resolves when it has opened, or not; without it requests are refused until then. */
  opening?: () => Promise<unknown>,
): HttpHandler {
  return async (request) => {
    if (!opened() && opening) await opening()
    const { context, handOver } = opened() ?? {}
    // The existing SDK puts everything under /v1/proxy.
    const path = request.path.replace(/^\/v1\/proxy(?=\/)/, '/v1')
    const answer = await answerOperator(operator, request, path)
    if (answer) return answer
    if (!context) return notReady()
    const { entering } = context.doors
    try {
      const redirecting = handOver?.redirect(request)
      const redirected = redirecting && (await redirecting)
      if (redirected) return redirected
      entering.add(request.signal)
      return await route(context, request, path)
    } catch (fault) {
      return answerFault(context, fault)
    } finally {
      entering.delete(request.signal)
    }
  }
}

async function route(context: ProviderContext, request: HttpRequest, path: string): Promise<HttpResponse> {
  const { method } = request
  if (path === '/v1/models' && method === 'GET') return jsonResponse({ object: 'list', data: [modelCard(context)] })
  if (path.startsWith('/v1/models/') && method === 'GET') return oneModel(context, path.slice('/v1/models/'.length))
  if (isServicePath(path)) {
    if (method !== 'POST') return refuse('method_not_allowed', 'Use POST.')
    return answerJob(context, path, request)
  }
  const open = await answerSdk(context, request, path)
  if (open) return open
  const disputed = await answerDispute(context, request, path)
  if (disputed) return disputed
  const caller = await context.authenticate(request.headers.authorization)
  if (!caller.ok) return errorResponse(caller.error!)
  const { user } = caller.value
  if (path === '/v1/vouchers' && method === 'POST') return takeVoucher(context, user, await readJson(context, request))
  if (path === '/v1/settlements' && method === 'POST') {
    return settleWithUser(context, user, await readJson(context, request))
  }
  if (path === '/v1/refund-consent' && method === 'POST') return consentToRefund(context, user)
  if (path === '/v1/account' && method === 'GET') return jsonResponse(await describeAccount(context, user))
  const adapters = method === 'GET' ? listAdapters(context, user, path) : undefined
  if (adapters) return adapters
  const found = /^\/v1\/(receipts|jobs)\/([^/]+)(\/operators)?$/.exec(path)
  if (!found || method !== 'GET') return refuse('not_found', `Unknown request URL: ${method} ${request.path}.`)
  const job = await findJob(context, user, found[1]!, decodeURIComponent(found[2]!))
  if (!job) return refuse('receipt_not_found', 'There is no such receipt of this account.')
  await signJobs(context, [job])
  if (!found[3]) return jsonResponse(job.bundle)
  const choice = /^\d{1,2}$/.exec(request.query.get('choice') ?? '0')
  if (!choice) return refuse('invalid_value', "'choice' is the number of an answer.")
  return listOperators(context, readJob(job), Number(choice[0]), user, request.signal)
}

/** Whoever asks for work: known, within its share, and told of it. */
async function answerJob(context: ProviderContext, path: ServicePath, request: HttpRequest): Promise<HttpResponse> {
  const closed = closedFor(context.doors)
  if (closed) return refuseJob(context, undefined, closed, {})
  const caller = await context.authenticate(request.headers.authorization)
  if (!caller.ok) return refuseJob(context, undefined, caller.error!, {})
  const { user } = caller.value
  const { ok, retryAfterSeconds, headers } = context.rates.take(user)
  if (!ok) {
    const message = `This account makes more than ${headers['x-ratelimit-limit-requests']} requests a minute.`
    return refuseJob(context, user, { code: 'too_many_requests', message, retryAfterSeconds }, headers)
  }
  const answer = await answerByEngine(context, path, request, { user })
  if ('code' in answer) return refuseJob(context, user, answer, headers)
  return { ...answer, headers: { ...headers, ...answer.headers } }
}

function answerByEngine(context: ProviderContext, path: ServicePath, request: HttpRequest, headers: JobHeaders) {
  const { kind } = context.engine
  if (kind === 'upstream') return answerUpstream(context as UpstreamContext, path, request, headers)
  if (kind === 'encoder') return answerEmbeddings(context as EncoderContext, path, request, headers)
  return answerExact(context as ExactContext, path, request, headers)
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

async function readJson(context: ProviderContext, request: HttpRequest): Promise<unknown> {
  return parseJson(await readBody(request.body, context.limits.bodyBytesMax))
}

/** A used job nonce is answered with the next free one, so that a gateway that lost its notes can go on. */
function refuseJob(
  context: ProviderContext,
  user: Hex | undefined,
  error: ApiError,
  headers: Record<string, string>,
): HttpResponse {
  context.metrics.refusals.add()
  if (error.code !== 'job_nonce_used' || user === undefined) return errorResponse(error, headers)
  const next = (context.log.book.of(user).jobNonce + 1n).toString()
  return errorResponse(error, { ...headers, [jobNonceHeader]: next })
}

function answerFault(context: ProviderContext, fault: unknown): HttpResponse {
  if (fault instanceof BodyTooLargeError) return refuse('request_too_large', fault.message)
  if (fault instanceof ProviderMovedError) return errorResponse(closedFor({ state: 'moved' })!)
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
