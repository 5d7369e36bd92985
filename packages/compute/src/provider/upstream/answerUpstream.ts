/**
 * A request that an upstream answers: checked for what concerns money and safety, admitted like any job, passed on, and its
 * answer passed back as it comes. Spec: COMPUTE §11
 */
import { bytesToHex, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { AbortedError, type FetchResponse, type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { bodyRequestHash, declareSampler, feeOf } from '@weightless/receipt'
import { UpstreamFailedError } from '../../engine/engine.ts'
import { sells } from '../../engine/openUpstreamEngine.ts'
import type { ApiError } from '../../wire/apiError.ts'
import { readBodyRequest, unitsMax } from '../../wire/bodyRequest.ts'
import type { ServicePath } from '../../wire/services.ts'
import { admitJob } from '../admitJob.ts'
import type { UpstreamContext } from '../providerContext.ts'
import { type JobHeaders, readTerms } from '../readTerms.ts'
import { openSealed } from '../sealed/openSealed.ts'
import { unknownModel } from '../unknownModel.ts'
import { type Passing, printedRequestOf } from './passing.ts'
import { passStream } from './passStream.ts'
import { passWhole } from './passWhole.ts'
import { createTextMeter } from './weighUsage.ts'

/** @param headers - who asks, and what she signed */
export async function answerUpstream(
  context: UpstreamContext,
  path: ServicePath,
  request: HttpRequest,
  { user }: JobHeaders,
): Promise<HttpResponse | ApiError> {
  const { engine, limits, price, env } = context
  if (!sells(engine, path)) return { code: 'not_found', message: `This provider does not sell ${path}.` }
  const away = engine.awayForSeconds()
  if (away !== undefined) return upstreamAway(away)
  const contentType = request.headers['content-type'] ?? 'application/json'
  const isForm = /^multipart\//i.test(contentType)
  const bytes = await readBody(request.body, isForm ? limits.uploadBytesMax : limits.bodyBytesMax)
  const sealed = isForm ? undefined : await openSealed(context, bytes)
  if (sealed && 'code' in sealed) return sealed
  if (sealed && path !== '/v1/chat/completions') {
    return { code: 'unsupported_parameter', message: 'Only chats can be sealed.', param: '_e2ee' }
  }
  const read = readBodyRequest(path, contentType, sealed?.bytes ?? bytes)
  if (!read.ok) return read.error!
  // What is held follows from the bytes that travelled, which the user's gateway can see as well.
  const asked = { ...read.value, sizeBytes: bytes.length }
  if (asked.model !== engine.model.name) return unknownModel(asked.model)
  const terms = readTerms(request)
  if ('code' in terms) return terms
  const { defaultMaxTokens } = limits
  const max = unitsMax(asked, { contextLength: engine.model.contextLength, defaultMaxTokens })
  const requestSha256 = sha256(bytes)
  const hash = bodyRequestHash(path, bytesToHex(requestSha256))
  const { signal } = request
  const admitted = await admitJob(context, { user, ...terms, signal, request: hash, maxFee: feeOf(price, max) })
  if (!admitted.ok) return admitted.error
  const id = `job-${bytesToHex(env.random.bytes(16)).slice(2)}`
  const job = { ...admitted.value, id, path, requestSha256, ...(sealed && { sealed }) }
  const leaving = new AbortController()
  const leave = () => leaving.abort(new AbortedError())
  if (signal.aborted) leave()
  signal.addEventListener('abort', leave, { once: true })
  const passing: Passing = {
    context,
    job,
    asked,
    printed: printedRequestOf(context, asked, sealed !== undefined),
    max,
    text: createTextMeter(engine),
    hasLogprobs: false,
    leaving,
    leave,
  }
  let handedOver = false
  try {
    const body = bodyFor(passing, sealed?.bytes ?? bytes)
    const response = await engine.ask({ path, contentType, body, signal: leaving.signal })
    const refusal = await refusalOf(response)
    if (refusal) return refusal
    const answer = asked.stream ? await passStream(passing, response) : await passWhole(passing, response)
    handedOver = true
    return answer
  } catch (fault) {
    leave()
    if (signal.aborted) return { status: 499 }
    if (!(fault instanceof UpstreamFailedError)) throw fault
    context.metrics.upstreamFailures.add()
    env.log.warn('upstream failed', { jobId: id, reason: String(fault.facts.reason) })
    return { code: 'provider_error', message: 'The server behind this provider failed.', retryAfterSeconds: 2 }
  } finally {
    // A body that is still to be sent ends the job itself.
    if (!handedOver) {
      signal.removeEventListener('abort', leave)
      job.release()
    }
  }
}

function upstreamAway(retryAfterSeconds: number): ApiError {
  return { code: 'model_not_ready', message: 'The server behind this provider does not answer.', retryAfterSeconds }
}

/** The request as it came, but for the model's name there, the limit that is paid for, the usage that we need, and the sampler that is weighed. */
function bodyFor({ context: { engine, limits }, asked, printed }: Passing, bytes: Uint8Array): Uint8Array {
  const { json, modelAt, service } = asked
  const renamed = engine.upstreamModel !== engine.model.name
  if (!json) {
    if (!renamed || !modelAt) return bytes
    const name = textToBytes(engine.upstreamModel)
    const out = new Uint8Array(bytes.length - (modelAt.end - modelAt.start) + name.length)
    out.set(bytes.subarray(0, modelAt.start))
    out.set(name, modelAt.start)
    out.set(bytes.subarray(modelAt.end), modelAt.start + name.length)
    return out
  }
  const changes: Record<string, unknown> = renamed ? { model: engine.upstreamModel } : {}
  const isText = service === 'chat' || service === 'completions' || service === 'responses'
  if (isText && asked.maxTokens === undefined) {
    changes[service === 'responses' ? 'max_output_tokens' : 'max_tokens'] = limits.defaultMaxTokens
  }
  if (asked.stream && !asked.includeUsage && (service === 'chat' || service === 'completions')) {
    changes.stream_options = { ...(json.stream_options as object | null | undefined), include_usage: true }
  }
  if (service === 'responses') changes.store = false
  if (printed) Object.assign(changes, declareSampler(printed, engine.fingerprint?.words ?? {}))
  return Object.keys(changes).length === 0 ? bytes : textToBytes(JSON.stringify({ ...json, ...changes }))
}

const refusalBytesMax = 65_536
/** The user's fault: passed on as it is. Everything else is between provider and upstream. */
const usersFault = new Set([400, 413, 415, 422])

async function refusalOf(response: FetchResponse): Promise<HttpResponse | ApiError | undefined> {
  const { status, headers } = response
  if (status === 200) return undefined
  const text = await response.text(refusalBytesMax).catch(() => '')
  if (usersFault.has(status)) {
    const isJson = /^application\/json\b/i.test(headers['content-type'] ?? '')
    if (isJson) return { status, headers: { 'content-type': 'application/json' }, body: text }
    return { code: 'invalid_request', message: 'The server behind this provider refuses the request.' }
  }
  if (status === 429) {
    const after = Number(headers['retry-after'])
    const retryAfterSeconds = Number.isInteger(after) && after > 0 ? Math.min(after, 60) : 2
    return { code: 'queue_full', message: 'The server behind this provider is busy.', retryAfterSeconds }
  }
  throw new UpstreamFailedError({ reason: `it answered ${status}` })
}
