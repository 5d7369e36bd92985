/** `GET /v1/receipts/{id}/check`: what came of the check that the request bought. Spec: COMPUTE §10.10 */
import type { HttpResponse } from '@weightless/env'
import { errorResponse } from '../../wire/apiError.ts'
import { jsonResponse } from '../../wire/jsonResponse.ts'
import { detectionOf } from '../../wire/verificationLevel.ts'
import type { Customer, GatewayContext } from '../gatewayContext.ts'

export function answerCheck({ checks }: GatewayContext, { key }: Customer, jobId: string): HttpResponse {
  const check = checks.of(key.id, jobId)
  if (!check) return errorResponse({ code: 'receipt_not_found', message: 'No check is known of such an answer.' })
  const { wanted, outcome, detail } = check
  return jsonResponse({ ...wanted, detection: detectionOf(wanted), outcome, detail: detail ?? null })
}
