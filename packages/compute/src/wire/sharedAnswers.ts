/** Answers that users let auditors see: how a request says so, and how an auditor asks a gateway for them. Spec: COMPUTE §10.11 */
import { type Hex, isHexOf } from '@weightless/codec'
import { z } from 'zod'

/** Of a request whose answer may be handed to auditors, question and all. */
export const shareHeader = 'x-weightless-share'
export const shareWord = 'auditors'

export const sharedAnswersPath = '/v1/audits/answers'

export type SharedAsk = { auditor: Hex; round: bigint; provider: Hex }

/** What the auditor's account signs (EIP-191): of one round and one provider, for one contract on one chain. */
export function sharedAskMessage(
  { auditor, round, provider }: SharedAsk,
  { chainId, auditRounds }: { chainId: number; auditRounds: Hex },
): string {
  const parts = [chainId, auditRounds.toLowerCase(), auditor.toLowerCase(), round, provider.toLowerCase()]
  return `weightless/shared-answers/1\n${parts.join('\n')}`
}

const address = z.custom<Hex>((value) => isHexOf(value, 20))

export const sharedAskSchema = z.strictObject({
  auditor: address,
  round: z
    .string()
    .regex(/^\d{1,20}$/)
    .transform(BigInt),
  provider: address,
  signature: z.custom<Hex>((value) => isHexOf(value, 65)),
})

export const sharedAskBytesMax = 1_024
/** Answers that are handed over at once. */
export const sharedAnswersMax = 8
export const sharedAnswerBytesMax = 64 * 1024
