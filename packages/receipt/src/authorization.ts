/** The user's word before a job, and the provider's that it takes it. Spec: SETTLEMENT §2.3, §2.7. */
import { type Hex, isHexOf } from '@weightless/codec'
import { acceptanceTypes, authorizationTypes, receiptDomain as domainName } from '@weightless/contracts/typedData'
import { compileTypedData } from '@weightless/crypto'
import { type Receipt, receiptDomain, signerOfDigest, signTyped, type TypedSigner } from './receipt.ts'

/** One job may cost up to `maxFee` wei at the price behind `priceId`. */
export type Authorization = {
  user: Hex
  provider: Hex
  jobNonce: bigint
  /** The receipt's `inputHash`: the request under the user's salt. */
  requestHash: Hex
  priceId: Hex
  maxFee: bigint
  /** Seconds since the Unix epoch. */
  deadline: bigint
}

/** An authorisation whose job its provider took, signed by the provider's own key. */
export type Acceptance = { authorization: Authorization; signature: Hex }

/** The chain and contract that a signature is good for. */
export type SigningPlace = { chainId: bigint; settlement: Hex }

const hashAuthorizationFields = compileTypedData<Authorization>(
  domainName,
  'Authorization',
  authorizationTypes.Authorization,
)
const hashAcceptanceFields = compileTypedData<{ authorization: Hex }>(
  domainName,
  'Acceptance',
  acceptanceTypes.Acceptance,
)

export function hashAuthorization(message: Authorization, { chainId, settlement }: SigningPlace): Hex {
  return hashAuthorizationFields(message, { chainId, verifyingContract: settlement })
}

/** What the provider signs. */
export function hashAcceptance(authorization: Authorization, place: SigningPlace): Hex {
  const { chainId, settlement } = place
  const message = { authorization: hashAuthorization(authorization, place) }
  return hashAcceptanceFields(message, { chainId, verifyingContract: settlement })
}

export async function signAcceptance(
  authorization: Authorization,
  place: SigningPlace,
  account: TypedSigner,
): Promise<Hex> {
  const domain = receiptDomain(place.chainId, place.settlement)
  const message = { authorization: hashAuthorization(authorization, place) }
  const typed = { domain, types: acceptanceTypes, primaryType: 'Acceptance', message }
  return signTyped(account, hashAcceptance(authorization, place), typed)
}

/** Whether the provider's own key signed it. */
export function isAccepted({ authorization, signature }: Acceptance, place: SigningPlace): boolean {
  if (!isHexOf(signature, 65)) return false
  return signerOfDigest(hashAcceptance(authorization, place), signature) === authorization.provider.toLowerCase()
}

export type BrokenTerm = 'request' | 'price' | 'fee' | 'deadline'

/** Whether a receipt is for the job of an authorisation. */
export function isForJob(receipt: Receipt, { user, provider, jobNonce }: Authorization): boolean {
  return same(receipt.user, user) && same(receipt.provider, provider) && receipt.jobNonce === jobNonce
}

/** What of an accepted job its receipt does not keep: the very comparison of `ProviderStake`, SETTLEMENT §9.3. */
export function brokenTerm(authorization: Authorization, receipt: Receipt): BrokenTerm | undefined {
  if (!same(receipt.inputHash, authorization.requestHash)) return 'request'
  if (!same(receipt.priceId, authorization.priceId)) return 'price'
  if (receipt.fee > authorization.maxFee) return 'fee'
  return receipt.timestamp > authorization.deadline ? 'deadline' : undefined
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()
