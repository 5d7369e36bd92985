/** Passes a question about an answer's working on to the provider that made it. Spec: spec/dispute.md §9 */
import { type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { errorResponse } from '../wire/apiError.ts'
import { disputeAnswerBytesMax, disputePath, questionBytesMax } from '../wire/disputeMessages.ts'
import type { Customer, GatewayContext } from './gatewayContext.ts'

/** A working is made when it is first asked about. */
const answerMsMax = 600_000

/** Only for receipts of the key: those of others are asked about at their provider. */
export async function passDispute(
  { purse, directory }: GatewayContext,
  { key, payer }: Customer,
  id: string,
  request: HttpRequest,
): Promise<HttpResponse> {
  const question = await readBody(request.body, questionBytesMax)
  const kept = await purse.bundle(payer.user, key.id, id)
  if (!kept) return errorResponse({ code: 'receipt_not_found', message: 'There is no such receipt of this key.' })
  const provider = (await directory.list()).find(({ address }) => address === kept.provider)
  if (!provider) {
    return errorResponse({ code: 'no_available_provider', message: 'The provider of that answer is gone.' })
  }
  const asked = { method: 'POST', headers: { 'content-type': 'application/json' }, body: question } as const
  const answer = await payer.tabOf(provider).caller.fetch(disputePath(id), {
    ...asked,
    timeoutMs: answerMsMax,
    signal: request.signal,
  })
  const body = await answer.bytes(disputeAnswerBytesMax)
  return { status: answer.status, headers: { 'content-type': 'application/json' }, body }
}
