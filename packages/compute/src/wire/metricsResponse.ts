/** Prometheus' text format, version 0.0.4, as an answer. */
import type { HttpResponse } from '@weightless/env'

export function metricsResponse(body: string): HttpResponse {
  return { status: 200, headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }, body }
}
