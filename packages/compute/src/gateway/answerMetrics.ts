/** A gateway's `/metrics`: for whoever has its token; without one, open on the loopback address alone. Spec: COMPUTE §10.7 */
import { WeightlessError } from '@weightless/codec'
import { type HttpRequest, type HttpResponse, isLoopback } from '@weightless/env'
import { errorResponse } from '../wire/apiError.ts'
import { hasBearer } from '../wire/bearer.ts'
import { metricsResponse } from '../wire/metricsResponse.ts'

/** `loopback`: anybody who reaches the port; `nobody`: the port is open to other machines and there is no token. */
export type MetricsAccess = { token: string } | 'loopback' | 'nobody'

/** What a header takes as one word, too long to be guessed. */
const tokenPattern = /^[\x21-\x7e]{16,256}$/

/** @throws {MetricsTokenInvalidError} */
export function metricsAccess(token: string | undefined, host: string | undefined): MetricsAccess {
  if (token !== undefined) {
    if (!tokenPattern.test(token)) throw new MetricsTokenInvalidError()
    return { token }
  }
  return host === undefined || isLoopback(host) ? 'loopback' : 'nobody'
}

/** @param render - Prometheus text; not called for strangers */
export async function answerMetrics(
  access: MetricsAccess,
  request: HttpRequest,
  render: () => string | Promise<string>,
): Promise<HttpResponse> {
  if (access === 'nobody')
    return refuse('The metrics are shown to nobody here: start the gateway with a metrics token.')
  if (access !== 'loopback' && !hasBearer(access.token, request)) {
    return refuse('The metrics are for whoever has their token: give it as "Authorization: Bearer …".')
  }
  return metricsResponse(await render())
}

function refuse(message: string): HttpResponse {
  return errorResponse({ code: 'invalid_api_key', message })
}

export class MetricsTokenInvalidError extends WeightlessError {
  constructor() {
    super(
      'compute/metrics-token',
      'The metrics token is no word of 16 to 256 printable ASCII characters.',
      {},
      {
        hint: 'Make one with `openssl rand -hex 24`.',
      },
    )
  }
}
