/** The door between two processes of one provider: on loopback, on a port of its own, with the operator's token. Spec: COMPUTE §12.2 */
import { type HttpHandler, type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { errorResponse } from '../../wire/apiError.ts'
import { hasBearer } from '../../wire/bearer.ts'
import { jsonResponse } from '../../wire/jsonResponse.ts'
import { parseJson } from '../../wire/parseJson.ts'
import { refuseStranger } from '../operator/answerOperator.ts'
import type { ProviderContext } from '../providerContext.ts'
import type { AdoptedJobs } from './adoptJobs.ts'
import type { HandOver } from './handOver.ts'
import { confirmSchema, handoverPaths, readReceipt, releasedSchema } from './handoverWire.ts'

export type ControlParts = {
  context: ProviderContext
  handOver: HandOver | undefined
  adopted: AdoptedJobs | undefined
}

/** A receipt with its opening. */
const bodyBytesMax = 64 * 1024 * 1024

/** `opened` is undefined until the model is there. */
export function createControlHandler(token: string, opened: () => ControlParts | undefined): HttpHandler {
  return async (request) => {
    if (!hasBearer(token, request)) return refuseStranger()
    const parts = opened()
    if (!parts?.handOver) {
      return errorResponse({
        code: 'model_not_ready',
        message: 'The model is still being opened.',
        retryAfterSeconds: 5,
      })
    }
    if (request.method !== 'POST') return errorResponse({ code: 'method_not_allowed', message: 'Use POST.' })
    const { path } = request
    const { handOver } = parts
    if (path === handoverPaths.begin) return handOver.begin(request)
    const body = await readJson(request)
    if (path === handoverPaths.confirm) return confirm(handOver, body)
    if (path === handoverPaths.receipt) return takeReceipt(parts, body)
    if (path === handoverPaths.released) return release(parts, body)
    return errorResponse({ code: 'not_found', message: `Unknown request URL: ${path}.` })
  }
}

function confirm(handOver: HandOver, body: unknown): HttpResponse | Promise<HttpResponse> {
  const read = confirmSchema.safeParse(body)
  return read.success ? handOver.confirm(read.data) : malformed()
}

/** Of a job that the process before this one answered: taken once, and for no number that is not one of those. */
async function takeReceipt({ context, adopted }: ControlParts, body: unknown): Promise<HttpResponse> {
  const read = readReceipt(body)
  if (!read) return malformed()
  const { record, job } = read
  const { log, metrics, settleSoon } = context
  if (await log.findByReceipt(record.receiptHash)) return jsonResponse({ state: 'known' })
  if (!log.isElsewhere(record.user, record.jobNonce)) {
    return errorResponse({ code: 'job_nonce_used', message: `Job nonce ${record.jobNonce} is not another process’s.` })
  }
  await log.addReceipt(record, job)
  adopted?.release(record.user, record.jobNonce)
  metrics.jobs.add()
  metrics.earnedWei.add(Number(record.fee))
  settleSoon()
  return jsonResponse({ state: 'taken' })
}

function release({ adopted }: ControlParts, body: unknown): HttpResponse {
  const read = releasedSchema.safeParse(body)
  if (!read.success) return malformed()
  adopted?.release(read.data.user, read.data.jobNonce)
  return jsonResponse({ state: 'released' })
}

async function readJson(request: HttpRequest): Promise<unknown> {
  return parseJson(await readBody(request.body, bodyBytesMax))
}

const malformed = (): HttpResponse => errorResponse({ code: 'invalid_request', message: 'The message is malformed.' })
