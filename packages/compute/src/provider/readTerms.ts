/** What a request says in its headers about who asks and what she signed. COMPUTE §7.2 */
import { type Hex, isHexOf } from '@weightless/codec'
import type { HttpRequest } from '@weightless/env'
import type { ApiError } from '../wire/apiError.ts'
import { decodeTerms, type JobTerms, termsHeader } from '../wire/payment.ts'

export const nonceHeader = 'x-weightless-nonce'

export type JobHeaders = { user: Hex }

export function readTerms({
  headers,
}: HttpRequest): { terms: JobTerms | undefined; nonce: Hex | undefined } | ApiError {
  const given = headers[nonceHeader]
  const nonce = isHexOf(given, 32) ? given : undefined
  const header = headers[termsHeader]
  if (header === undefined) return { terms: undefined, nonce }
  const terms = decodeTerms(header)
  if (terms.ok) return { terms: terms.value, nonce }
  return { code: 'invalid_authorization', message: `${termsHeader}: ${terms.detail ?? 'malformed'}` }
}
