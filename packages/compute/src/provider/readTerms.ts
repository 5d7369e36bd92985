/** What a request says in its headers about who asks and what she signed. COMPUTE §7.2 */
import { type Hex, isHexOf } from '@weightless/codec'
import type { HttpRequest } from '@weightless/env'
import type { ApiError } from '../wire/apiError.ts'
import { acceptHeader, decodeTerms, type JobTerms, termsHeader } from '../wire/payment.ts'

export const nonceHeader = 'x-weightless-nonce'

export type JobHeaders = { user: Hex }

export type SignedAsk = {
  terms: JobTerms | undefined
  nonce: Hex | undefined
  /** The job is to be accepted before it begins. COMPUTE §7.6 */
  mustAccept: boolean
}

export function readTerms({ headers }: HttpRequest): SignedAsk | ApiError {
  const given = headers[nonceHeader]
  const nonce = isHexOf(given, 32) ? given : undefined
  const accept = headers[acceptHeader]
  if (accept !== undefined && accept !== '1')
    return { code: 'invalid_value', message: `${acceptHeader} is 1 or absent.` }
  const mustAccept = accept === '1'
  const header = headers[termsHeader]
  if (header === undefined && mustAccept) {
    const message = `There is nothing to accept without ${termsHeader}.`
    return { code: 'invalid_authorization', message }
  }
  if (header === undefined) return { terms: undefined, nonce, mustAccept }
  const terms = decodeTerms(header)
  if (terms.ok) return { terms: terms.value, nonce, mustAccept }
  return { code: 'invalid_authorization', message: `${termsHeader}: ${terms.detail ?? 'malformed'}` }
}
