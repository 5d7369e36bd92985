/** A request that the exact engine answers. COMPUTE §4 */
import type { Hex } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { exactAsUpstream } from '../engine/exactAsUpstream.ts'
import type { ApiError } from '../wire/apiError.ts'
import { type ExactPath, isExactPath, readExactRequest } from '../wire/exactRequest.ts'
import { parseJson } from '../wire/parseJson.ts'
import type { ServicePath } from '../wire/services.ts'
import { answerStream, answerWhole } from './answerChat.ts'
import { type Job, openJob } from './openJob.ts'
import type { ExactContext } from './providerContext.ts'
import { type JobHeaders, readTerms } from './readTerms.ts'
import { isSealed } from './sealed/openSealed.ts'
import { unknownModel } from './unknownModel.ts'
import { answerUpstream } from './upstream/answerUpstream.ts'
import type { AnswerWriter } from './writeAnswer.ts'
import { writeChat } from './writeChat.ts'
import { writeCompletion } from './writeCompletion.ts'
import { writeResponse } from './writeResponse.ts'

export async function answerExact(
  context: ExactContext,
  path: ServicePath,
  request: HttpRequest,
  { user }: JobHeaders,
): Promise<HttpResponse | ApiError> {
  if (!isExactPath(path)) {
    return { code: 'not_found', message: `This provider does not sell ${path}: its engine answers chats and prompts.` }
  }
  const bytes = await readBody(request.body, context.limits.bodyBytesMax)
  const json = parseJson(bytes)
  if (path === '/v1/chat/completions' && isSealed(bytes)) {
    const { model } = (json ?? {}) as { model?: unknown }
    const chosen = await chooseModel(context, user, String(model))
    if ('code' in chosen) return chosen
    const engine = exactAsUpstream(chosen.engine, context.env)
    return answerUpstream({ ...chosen, engine }, path, withBody(request, bytes), { user })
  }
  const parsed = readExactRequest(path, json)
  if (!parsed.ok) return parsed.error!
  const chosen = await chooseModel(context, user, parsed.value.model)
  if ('code' in chosen) return chosen
  const terms = readTerms(request)
  if ('code' in terms) return terms
  const { signal } = request
  const job = await openJob(chosen, { user, path, request: parsed.value, ...terms, signal })
  if (!job.ok) return job.error
  const writer = writerOf(path, chosen, job.value, json)
  const answering = { context: chosen, job: job.value, writer, requestSha256: sha256(bytes) }
  return parsed.value.stream ? answerStream(answering, signal) : answerWhole(answering, signal)
}

/** `body` is the request as it came: the Responses API repeats some of it. */
function writerOf(path: ExactPath, context: ExactContext, job: Job, body: unknown): AnswerWriter {
  if (path === '/v1/completions') return writeCompletion(context, job)
  return path === '/v1/responses' ? writeResponse(job, body) : writeChat(context, job)
}

/** The provider's own model, or an adapter of this very user. */
async function chooseModel(context: ExactContext, user: Hex, model: string): Promise<ExactContext | ApiError> {
  if (model === context.engine.model.name) return context
  const engine = await context.adapters?.engineOf(user, model)
  if (engine === undefined) return unknownModel(model)
  if (engine !== 'busy') return { ...context, engine }
  return { code: 'model_not_ready', message: 'Other adapters answer just now.', retryAfterSeconds: 5 }
}

function withBody(request: HttpRequest, bytes: Uint8Array): HttpRequest {
  const { method, path, headers, remoteAddress, query, signal } = request
  async function* body(): AsyncGenerator<Uint8Array> {
    yield bytes
  }
  return { method, path, headers, remoteAddress, query, signal, body: body() }
}
