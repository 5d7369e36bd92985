/** A request for embeddings that the deterministic encoder answers. Spec: COMPUTE §13 */
import { bytesToHex } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { AbortedError, type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { bodyRequestHash, feeOf } from '@weightless/receipt'
import type { ApiError } from '../wire/apiError.ts'
import { readBodyRequest, unitsMax } from '../wire/bodyRequest.ts'
import { readEmbeddingsRequest } from '../wire/embeddingsRequest.ts'
import { receiptHeader } from '../wire/payment.ts'
import type { ServicePath } from '../wire/services.ts'
import { acceptanceHeaders } from './acceptJob.ts'
import { admitJob } from './admitJob.ts'
import type { EncoderContext } from './providerContext.ts'
import { type JobHeaders, readTerms } from './readTerms.ts'
import { unknownModel } from './unknownModel.ts'
import { type BodyJob, finishBody } from './upstream/finishBody.ts'

export async function answerEmbeddings(
  context: EncoderContext,
  path: ServicePath,
  request: HttpRequest,
  { user }: JobHeaders,
): Promise<HttpResponse | ApiError> {
  const { engine, limits, price, env } = context
  if (path !== '/v1/embeddings') {
    return { code: 'not_found', message: `This provider does not sell ${path}: its engine makes embeddings.` }
  }
  const bytes = await readBody(request.body, limits.bodyBytesMax)
  // Read as gateways read it, for what it may cost; then for what it asks.
  const body = readBodyRequest(path, 'application/json', bytes)
  if (!body.ok) return body.error!
  const asked = readEmbeddingsRequest(body.value.json!)
  if (!asked.ok) return asked.error!
  if (asked.value.model !== engine.model.name) return unknownModel(asked.value.model)
  const terms = readTerms(request)
  if ('code' in terms) return terms
  const { contextLength } = engine.model
  const max = unitsMax(body.value, { contextLength, defaultMaxTokens: limits.defaultMaxTokens })
  const requestSha256 = sha256(bytes)
  const hash = bodyRequestHash(path, bytesToHex(requestSha256))
  const { signal } = request
  const admitted = await admitJob(context, { user, ...terms, signal, request: hash, maxFee: feeOf(price, max) })
  if (!admitted.ok) return admitted.error
  const id = `embd-${bytesToHex(env.random.bytes(16)).slice(2)}`
  const job: BodyJob = { ...admitted.value, id, path, requestSha256 }
  try {
    const verdict = await engine.embed(asked.value, signal)
    if (!verdict.ok) return verdict.error
    const promptTokens = BigInt(verdict.promptTokens)
    // A token stands for at least one byte of the request, so the bound never bites.
    const units = {
      promptTokens: promptTokens < max.promptTokens ? promptTokens : max.promptTokens,
      completionTokens: 0n,
    }
    await finishBody(context, job, { units, responseSha256: sha256(verdict.body), finishReason: 'stop' })
    const headers = { 'content-type': 'application/json', [receiptHeader]: id, 'zg-res-key': id, 'x-request-id': id }
    return { status: 200, headers: { ...headers, ...acceptanceHeaders(job) }, body: verdict.body }
  } catch (fault) {
    // Nothing was sent, so nothing is billed.
    if (fault instanceof AbortedError) return { status: 499 }
    throw fault
  } finally {
    job.release()
  }
}
