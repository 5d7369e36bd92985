/**
 * The provider's word that a user owes it nothing: signed when all her tasks are over, and from then on, restarts included, no task
 * of hers is taken until the consent has run out. Spec: SETTLEMENT §8, FINETUNING §9.1
 */
import type { Hex } from '@weightless/codec'
import { fineTuningDomain } from '@weightless/contracts'
import type { HttpRequest, HttpResponse } from '@weightless/env'
import type { LocalAccount } from 'viem'
import { leavingUntilMsOf, signRefundConsent } from '../settlement/signRefundConsent.ts'
import { jsonResponse } from '../wire/jsonResponse.ts'
import type { ConsentSigner } from './consentSigner.ts'
import type { FineTuningService } from './fineTuningService.ts'
import { refuse } from './refuse.ts'
import { isFresh, readSignedAct } from './takeTask.ts'
import { signerOfRefund } from './userSignatures.ts'

export function createConsentSigner(account: LocalAccount, chainId: number, fineTuningServing: Hex): ConsentSigner {
  const domain = { ...fineTuningDomain, chainId, verifyingContract: fineTuningServing }
  const provider = account.address.toLowerCase() as Hex
  return (user, nowMs) => signRefundConsent(account, domain, { user, provider, nowMs })
}

/** @param userText - the address as the user wrote it, case and all */
export async function consentToRefund(
  service: FineTuningService,
  userText: string,
  request: HttpRequest,
): Promise<HttpResponse> {
  const { signature, timestamp } = (await readSignedAct(request)) ?? {}
  if (signature === undefined || timestamp === undefined) return refuse('signature, timestamp: malformed')
  if (!isFresh(service, timestamp)) return refuse('The signature is too old, or from the future.', 401)
  const user = userText.toLowerCase() as Hex
  const signer = await signerOfRefund(userText, timestamp, signature)
  if (signer?.address !== user) return refuse('The signature is not of this account.', 401)
  const nowMs = service.env.clock.nowMs()
  if (!(await service.store.leave(user, leavingUntilMsOf(nowMs), nowMs))) {
    return refuse('Tasks of this account are not over: acknowledge what was delivered, or take them back.', 409)
  }
  service.env.log.info('refund consented', { user })
  return jsonResponse(await service.signConsent(user, nowMs))
}
