/** A provider's signature that a user may have her sub-account back at once. Whoever signs has looked before that nothing is owed. Spec: SETTLEMENT §8 */
import type { Hex } from '@weightless/codec'
import { refundConsentTypes } from '@weightless/contracts'
import type { LocalAccount } from 'viem'

/** Time for a wallet to ask and a transaction to arrive. */
const consentSeconds = 120
/** A block's time may lie this far behind our clock. */
const marginSeconds = 60
/** All there is: what the chain has when the consent is used, and the user may have paid in since. */
const amount = (1n << 128n) - 1n

export type RefundConsent = { user: Hex; provider: Hex; nonce: bigint; amount: bigint; deadline: bigint }

/** Until when no job of the user may be taken; to be durable before the signature goes out. */
export const leavingUntilMsOf = (nowMs: number): number => nowMs + (consentSeconds + marginSeconds) * 1000

/** @param domain - of the serving contract that has the account */
export async function signRefundConsent(
  account: LocalAccount,
  domain: { name: string; version: string; chainId: number; verifyingContract: Hex },
  { user, provider, nowMs }: { user: Hex; provider: Hex; nowMs: number },
): Promise<{ consent: RefundConsent; signature: Hex }> {
  const deadline = BigInt(Math.floor(nowMs / 1000) + consentSeconds)
  const consent = { user, provider, nonce: BigInt(nowMs), amount, deadline }
  const signature = await account.signTypedData({
    ...{ domain, types: refundConsentTypes, primaryType: 'RefundConsent', message: consent },
  })
  return { consent, signature }
}
