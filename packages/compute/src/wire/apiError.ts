/** Every refusal of the HTTP interface, in the shape that OpenAI clients know. Spec: COMPUTE §3. */
import type { HttpResponse } from '@weightless/env'

export type ApiErrorCode = keyof typeof table

export type ApiError = {
  code: ApiErrorCode
  message: string
  /** The request field at fault. */
  param?: string
  /** Seconds after which trying again makes sense. */
  retryAfterSeconds?: number
}

export type ApiErrorBody = { error: { message: string; type: string; param: string | null; code: string } }

/** COMPUTE §3.1: code → HTTP status and OpenAI error type. */
const table = {
  invalid_json: [400, 'invalid_request_error'],
  invalid_request: [400, 'invalid_request_error'],
  invalid_value: [400, 'invalid_request_error'],
  unsupported_parameter: [400, 'invalid_request_error'],
  unknown_parameter: [400, 'invalid_request_error'],
  unsupported_content: [400, 'invalid_request_error'],
  context_length_exceeded: [400, 'invalid_request_error'],
  invalid_api_key: [401, 'authentication_error'],
  token_expired: [401, 'authentication_error'],
  token_revoked: [401, 'authentication_error'],
  invalid_authorization: [401, 'authentication_error'],
  authorization_unsigned: [401, 'authentication_error'],
  insufficient_balance: [402, 'insufficient_quota'],
  spending_cap_reached: [402, 'insufficient_quota'],
  voucher_missing: [402, 'insufficient_quota'],
  forbidden: [403, 'permission_error'],
  model_not_found: [404, 'invalid_request_error'],
  receipt_not_found: [404, 'invalid_request_error'],
  not_found: [404, 'invalid_request_error'],
  method_not_allowed: [405, 'invalid_request_error'],
  job_nonce_used: [409, 'invalid_request_error'],
  account_busy: [409, 'invalid_request_error'],
  price_changed: [409, 'invalid_request_error'],
  request_too_large: [413, 'invalid_request_error'],
  too_many_requests: [429, 'rate_limit_error'],
  queue_full: [429, 'rate_limit_error'],
  server_error: [500, 'server_error'],
  provider_error: [502, 'server_error'],
  answers_differ: [502, 'server_error'],
  no_available_provider: [503, 'server_error'],
  model_not_ready: [503, 'server_error'],
  provider_draining: [503, 'server_error'],
  not_attested: [501, 'server_error'],
} as const satisfies Record<string, readonly [number, string]>

export function statusOf(code: ApiErrorCode): number {
  return table[code][0]
}

export function errorBody({ code, message, param }: ApiError): ApiErrorBody {
  return { error: { message, type: table[code][1], param: param ?? null, code } }
}

export function errorResponse(error: ApiError, headers: Record<string, string> = {}): HttpResponse {
  return {
    status: statusOf(error.code),
    headers: {
      'content-type': 'application/json',
      ...(error.retryAfterSeconds === undefined ? {} : { 'retry-after': String(error.retryAfterSeconds) }),
      ...headers,
    },
    body: JSON.stringify(errorBody(error)),
  }
}
