/** Every request that is paid for: read, forwarded, counted, and told what its key has left. Spec: COMPUTE §10.3, §10.6 */
import { type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { errorResponse } from '../wire/apiError.ts'
import { forwardWork } from './forwardWork.ts'
import type { Customer, GatewayContext } from './gatewayContext.ts'
import { readWork } from './readWork.ts'

const inferencePaths = new Set(['/v1/chat/completions'])

export function isInferencePath(path: string): boolean {
  return inferencePaths.has(path)
}

export async function answerInference(
  context: GatewayContext,
  customer: Customer,
  request: HttpRequest,
): Promise<HttpResponse> {
  context.metrics.requests.add()
  const bytes = await readBody(request.body, context.limits.bodyBytesMax)
  return forwardBytes(context, customer, request, bytes)
}

/** The same for a body that was made from another. */
export async function forwardBytes(
  context: GatewayContext,
  customer: Customer,
  request: Pick<HttpRequest, 'path' | 'headers' | 'signal'>,
  bytes: Uint8Array,
): Promise<HttpResponse> {
  const work = readWork(request, bytes, context.limits)
  const response = work.ok
    ? await forwardWork(context, { customer, work: work.value, signal: request.signal })
    : errorResponse(work.error!)
  if (response.status >= 500) context.metrics.errors.add()
  else if (response.status >= 400) context.metrics.refusals.add()
  return { ...response, headers: { ...response.headers, ...context.rates.headersOf(customer.key.id, customer.key) } }
}
