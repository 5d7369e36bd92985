/** What the operator alone may ask of a provider, with the token of its data folder: status, metrics, drain. Spec: COMPUTE §3.2 */
import type { HttpRequest, HttpResponse } from '@weightless/env'
import { errorResponse } from '../../wire/apiError.ts'
import { hasBearer } from '../../wire/bearer.ts'
import { jsonResponse } from '../../wire/jsonResponse.ts'
import { metricsResponse } from '../../wire/metricsResponse.ts'

export type Operator = {
  /** Without it nobody is the operator, and none of these paths exists. */
  token: string | undefined
  status(): Promise<object>
  /** Prometheus text. */
  metrics(): Promise<string>
  /** Takes no new jobs from now on, and tells whoever runs the provider; undefined where nobody could end it. */
  beginDrain: ((deadlineMs: number | undefined) => void) | undefined
}

const paths: Readonly<Record<string, string>> = { '/v1/status': 'GET', '/metrics': 'GET', '/v1/drain': 'POST' }

/** Undefined where the path is not the operator's. */
export async function answerOperator(
  operator: Operator,
  request: HttpRequest,
  path: string,
): Promise<HttpResponse | undefined> {
  const method = Object.hasOwn(paths, path) ? paths[path] : undefined
  if (method === undefined || operator.token === undefined) return undefined
  if (path === '/v1/drain' && !operator.beginDrain) return undefined
  if (request.method !== method) return errorResponse({ code: 'method_not_allowed', message: `Use ${method}.` })
  if (!hasBearer(operator.token, request)) return refuseStranger()
  if (path === '/metrics') return metricsResponse(await operator.metrics())
  if (path === '/v1/drain') {
    const seconds = request.query.get('deadline_seconds')
    if (seconds !== null && !/^\d{1,5}$/.test(seconds)) {
      const message = 'deadline_seconds must be a whole number up to 99999.'
      return errorResponse({ code: 'invalid_value', message, param: 'deadline_seconds' })
    }
    operator.beginDrain?.(seconds === null ? undefined : Number(seconds) * 1000)
  }
  return jsonResponse(await operator.status())
}

export function refuseStranger(): HttpResponse {
  const message =
    'This is for the operator: give the token of the provider’s data folder as "Authorization: Bearer op-…".'
  return errorResponse({ code: 'invalid_api_key', message })
}
