/** A trainer's word for the root over its states, or over the tables of a step: what it is judged by in a dispute. Spec: spec/dispute.md §14.5 */
import { type Hex, isHexOf } from '@weightless/codec'
import { receiptDomain as domainName, trainingRootTypes } from '@weightless/contracts/typedData'
import { compileTypedData } from '@weightless/crypto'
import { hashReceipt, type Receipt, receiptDomain, signerOfDigest, signTyped, type TypedSigner } from './receipt.ts'

export type TrainingRoot = {
  /** 0: over the states; n + 1: over the tables of step n. */
  place: number
  /** How many leaves the tree has. */
  leaves: number
  root: Hex
}

const types = trainingRootTypes
const hashFields = compileTypedData<TrainingRoot & { receipt: Hex }>(domainName, 'TrainingRoot', types.TrainingRoot)

/** @param settlement - FineTuningServing of the receipt */
export async function signTrainingRoot(
  receipt: Receipt,
  signed: TrainingRoot,
  settlement: Hex,
  account: TypedSigner,
): Promise<Hex> {
  const message = { receipt: hashReceipt(receipt, settlement), ...signed }
  const typed = { domain: receiptDomain(receipt.chainId, settlement), types, primaryType: 'TrainingRoot', message }
  return signTyped(account, hashFields(message, domainOf(receipt, settlement)), typed)
}

/** Whether the provider of the receipt signed this root with its own key. */
export function isTrainingRootSigned(receipt: Receipt, signed: TrainingRoot, settlement: Hex, signature: Hex): boolean {
  if (!isHexOf(signature, 65)) return false
  const { place, leaves, root } = signed
  const message = { receipt: hashReceipt(receipt, settlement), place, leaves, root }
  return (
    signerOfDigest(hashFields(message, domainOf(receipt, settlement)), signature) === receipt.provider.toLowerCase()
  )
}

const domainOf = ({ chainId }: Receipt, settlement: Hex) => ({ chainId, verifyingContract: settlement })
