/** What only the existing compute SDK asks for: signatures over exchanges, unsettled fees, and a quote that we do not have. COMPUTE §6 */
import type { Hex } from '@weightless/codec'
import type { HttpRequest, HttpResponse } from '@weightless/env'
import { outstandingWei } from '../settlement/accountBook.ts'
import { errorResponse } from '../wire/apiError.ts'
import { jsonResponse } from '../wire/jsonResponse.ts'
import type { ProviderContext } from './providerContext.ts'

const noEnclave =
  'This provider has no trusted hardware and says so (verifiability OpML): check its answers by re-execution, ' +
  'with the receipt from /v1/receipts/{id}.'

/** Undefined when the path is not one of these. */
export async function answerSdk(
  context: ProviderContext,
  request: HttpRequest,
  path: string,
): Promise<HttpResponse | undefined> {
  if (request.method !== 'GET') return undefined
  if (path === '/v1/quote' || path.startsWith('/v1/attestation/')) {
    return errorResponse({ code: 'not_attested', message: noEnclave })
  }
  const signature = /^\/v1\/signature\/([^/]+)$/.exec(path)?.[1]
  if (signature) return signatureOf(context, decodeURIComponent(signature))
  const user = /^\/v1\/user\/(0x[0-9a-fA-F]{40})\/unsettledfee$/i.exec(path)?.[1]
  return user ? unsettledFee(context, request, user.toLowerCase() as Hex) : undefined
}

/** Public, as with existing providers: hashes say nothing to who has not got the bytes. */
async function signatureOf({ log, address, account }: ProviderContext, id: string): Promise<HttpResponse> {
  const job = await log.find(id.toLowerCase())
  if (!job) return errorResponse({ code: 'receipt_not_found', message: `There is no exchange ${id}.` })
  const { text } = job.exchange
  const signature = await account.signMessage({ message: text })
  return jsonResponse({ text, signature, signing_address: address, signing_algo: 'ecdsa' })
}

async function unsettledFee(context: ProviderContext, request: HttpRequest, user: Hex): Promise<HttpResponse> {
  const caller = await context.authenticate(request.headers.authorization)
  if (!caller.ok) return errorResponse(caller.error!)
  if (caller.value.user !== user) return errorResponse({ code: 'forbidden', message: 'This is another account.' })
  return jsonResponse({ unsettledFee: outstandingWei(context.log.book.of(user)).toString() })
}
