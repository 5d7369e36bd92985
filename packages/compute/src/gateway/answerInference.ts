/** Every request that is paid for: read, forwarded, counted, and told what its key has left. Spec: COMPUTE §10.3, §10.6 */
import { type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { errorResponse } from '../wire/apiError.ts'
import type { ServicePath } from '../wire/services.ts'
import { forwardWork } from './forwardWork.ts'
import type { Customer, GatewayContext } from './gatewayContext.ts'
import { isForm, readWork } from './readWork.ts'

const formBytesMax = 32 * 1024 * 1024

export async function answerInference(
  context: GatewayContext,
  customer: Customer,
  request: HttpRequest,
  path: ServicePath,
): Promise<HttpResponse> {
  context.metrics.requests.add()
  const { headers, signal, body } = request
  const bytes = await readBody(body, isForm(headers) ? formBytesMax : context.limits.bodyBytesMax)
  return forwardBytes(context, customer, { path, headers, signal }, bytes)
}

/** The same for a body that was made from another. */
export async function forwardBytes(
  context: GatewayContext,
  customer: Customer,
  request: Pick<HttpRequest, 'headers' | 'signal'> & { path: ServicePath },
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
