/** What a provider's own signatures show against it on chain, without anybody's judgement. Spec: SETTLEMENT §9.3. */
import type { Hex } from '@weightless/codec'
import { type Acceptance, type BrokenTerm, brokenTerm, isAccepted, isForJob } from './authorization.ts'
import { feeOf, type Price, priceId } from './commitments.ts'
import { isDelivered, type SignedDelivery } from './delivery.ts'
import type { Bundle } from './openedReceipt.ts'
import { hashReceipt, recoverReceiptSigner } from './receipt.ts'

/** Of an answer or of a training: what is looked at is in both. */
export type Signed = Pick<Bundle, 'settlement' | 'receipt' | 'signature' | 'acceptance'> & {
  opening: { price: Price }
  delivery?: SignedDelivery
}

export type ProvableFault =
  | { kind: 'broken-acceptance'; term: BrokenTerm; bundle: Signed; acceptance: Acceptance }
  | { kind: 'double-acceptance'; one: Acceptance; other: Acceptance }
  | { kind: 'contradiction'; one: Signed; other: Signed }
  /** `feeWei` is what the receipt's own counts cost at its own price. */
  | { kind: 'false-bill'; bundle: Signed; feeWei: bigint }
  /** Two files for one training. */
  | { kind: 'double-delivery'; bundle: Signed; one: SignedDelivery; other: SignedDelivery }

/** The first fault that one bundle, or two of one job, show; undefined when they show none. */
export function findProvableFault(bundle: Signed, other?: Signed): ProvableFault | undefined {
  return findBroken(bundle) ?? findFalseBill(bundle) ?? (other && findBetween(bundle, other))
}

function findBetween(one: Signed, other: Signed): ProvableFault | undefined {
  const { user, provider, jobNonce } = other.receipt
  const isOneJob = isForJob(one.receipt, { ...noTerms, user, provider, jobNonce })
  if (!isOneJob || !isSigned(one) || !isSigned(other) || !same(one.settlement, other.settlement)) return undefined
  if (one.receipt.chainId !== other.receipt.chainId) return undefined
  if (hashReceipt(one.receipt, one.settlement) !== hashReceipt(other.receipt, other.settlement)) {
    return { kind: 'contradiction', one, other }
  }
  const [sent, again] = [deliveryOf(one), deliveryOf(other)]
  if (sent && again && !(sent.id === again.id && same(sent.root, again.root))) {
    return { kind: 'double-delivery', bundle: one, one: sent, other: again }
  }
  const [first, second] = [acceptanceOf(one), acceptanceOf(other)]
  if (!first || !second || sameTerms(first, second)) return findBroken(other) ?? findFalseBill(other)
  return { kind: 'double-acceptance', one: first, other: second }
}

function findBroken(bundle: Signed): ProvableFault | undefined {
  const acceptance = acceptanceOf(bundle)
  if (!acceptance || !isSigned(bundle)) return undefined
  const term = brokenTerm(acceptance.authorization, bundle.receipt)
  return term && { kind: 'broken-acceptance', term, bundle, acceptance }
}

/** Only where the opened price is the one of the receipt: else nobody can show what it should have cost. */
function findFalseBill(bundle: Signed): ProvableFault | undefined {
  const { receipt, opening } = bundle
  if (!isSigned(bundle) || !same(priceId(receipt.provider, opening.price), receipt.priceId)) return undefined
  const feeWei = feeOf(opening.price, receipt)
  return feeWei === receipt.fee || feeWei >= 1n << 256n ? undefined : { kind: 'false-bill', bundle, feeWei }
}

/** That of the bundle, if it is the provider's and for this job. */
function acceptanceOf({ acceptance, receipt, settlement }: Signed): Acceptance | undefined {
  if (!acceptance || !isForJob(receipt, acceptance.authorization)) return undefined
  return isAccepted(acceptance, { chainId: receipt.chainId, settlement }) ? acceptance : undefined
}

/** By the provider's own key: others do not count on chain. */
function isSigned({ receipt, settlement, signature }: Signed): boolean {
  return recoverReceiptSigner(receipt, settlement, signature) === receipt.provider.toLowerCase()
}

/** Its provider's word which file it delivers for this receipt, if it is its word. */
export function deliveryOf({ delivery, receipt, settlement }: Signed): SignedDelivery | undefined {
  return delivery && isDelivered(receipt, delivery, settlement) ? delivery : undefined
}

function sameTerms({ authorization: a }: Acceptance, { authorization: b }: Acceptance): boolean {
  const isSameWord = same(a.requestHash, b.requestHash) && same(a.priceId, b.priceId)
  return isSameWord && a.maxFee === b.maxFee && a.deadline === b.deadline
}

const noTerms = { requestHash: '0x', priceId: '0x', maxFee: 0n, deadline: 0n } as const
const same = (a: Hex, b: Hex): boolean => a.toLowerCase() === b.toLowerCase()
