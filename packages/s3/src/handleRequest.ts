/** A request from the wire to its answer: address, signature, operation; every refusal as the error document of S3. */
import { bytesToHex } from '@weightless/codec'
import type { Env, HttpHandler, HttpRequest, HttpResponse } from '@weightless/env'
import { type Credential, verifySignature } from './auth/verifySignature.ts'
import type { FaultCode, S3Verdict } from './faultCodes.ts'
import type { Gateway } from './gateway.ts'
import { faultOf } from './operations/faultOf.ts'
import { readAddress } from './readAddress.ts'
import { renderFault } from './renderXml.ts'
import { routeRequest } from './routeRequest.ts'

export type HandlerOptions = {
  gateway: Gateway
  env: Pick<Env, 'clock' | 'random' | 'log' | 'metrics'>
  credentials: readonly Credential[]
  domains: readonly string[]
}

export function createHandler(options: HandlerOptions): HttpHandler {
  const { env } = options
  const requests = env.metrics.counter('weightless_s3_requests_total', 'Requests that the S3 gateway has answered.')
  const faults = env.metrics.counter('weightless_s3_faults_total', 'Of these, answered with an error of the server.')
  return async (request) => {
    if (asksForHealth(request)) return { status: 200 }
    const requestId = bytesToHex(env.random.bytes(8)).slice(2).toUpperCase()
    const response = await answer(options, request, requestId)
    requests.add()
    if (response.status >= 500) faults.add()
    const headers = { ...response.headers, 'x-amz-request-id': requestId, server: 'weightless-s3' }
    return { ...response, headers }
  }
}

/**
 * The question of MinIO's monitors, which they ask without a signature: is it up? Signed, the same path is an object's like any
 * other.
 */
function asksForHealth({ method, path, query, headers }: HttpRequest): boolean {
  const isSigned = headers.authorization !== undefined || query.size > 0
  return !isSigned && (method === 'GET' || method === 'HEAD') && /^\/minio\/health\/(live|ready)$/.test(path)
}

async function answer(options: HandlerOptions, request: HttpRequest, requestId: string): Promise<HttpResponse> {
  const { env } = options
  const refuse = (code: FaultCode, detail: string | undefined): HttpResponse =>
    renderFault(code, detail, { requestId, resource: request.path, isHead: request.method === 'HEAD' })
  try {
    const outcome = await carryOut(options, request, requestId)
    return outcome.ok ? outcome.value : refuse(outcome.code, outcome.detail)
  } catch (fault) {
    const code = faultOf(fault)
    env.log.warn('request failed', { requestId, method: request.method, code, error: String(fault) })
    return refuse(code, undefined)
  }
}

async function carryOut(
  { gateway, env, credentials, domains }: HandlerOptions,
  request: HttpRequest,
  requestId: string,
): Promise<S3Verdict<HttpResponse>> {
  const address = readAddress(request.path, request.headers.host ?? '', domains)
  if (!address.ok) return address
  const verified = await verifySignature(request, credentials, env.clock.nowMs())
  if (!verified.ok) return verified
  const { method, query, headers, body, signal } = request
  return routeRequest(gateway, {
    ...address.value,
    method,
    query,
    headers,
    body,
    signal,
    verified: verified.value,
    requestId,
  })
}
