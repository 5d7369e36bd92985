/** The provider's word for the root of one operator's working: what it is judged by in a dispute. Spec: spec/dispute.md §9.2 */
import { type Hex, isHexOf } from '@weightless/codec'
import { receiptDomain as domainName, workingTypes } from '@weightless/contracts/typedData'
import { compileTypedData } from '@weightless/crypto'
import { hashReceipt, type Receipt, receiptDomain, signerOfDigest, signTyped, type TypedSigner } from './receipt.ts'

export type WorkingRoot = {
  /** Which answer of the receipt, from 0. */
  choice: number
  position: number
  operator: number
  root: Hex
}

const hashFields = compileTypedData<WorkingRoot & { receipt: Hex }>(domainName, 'Working', workingTypes.Working)

/** @param settlement - ReceiptSettlement of the receipt */
export async function signWorking(
  receipt: Receipt,
  working: WorkingRoot,
  settlement: Hex,
  account: TypedSigner,
): Promise<Hex> {
  const domain = receiptDomain(receipt.chainId, settlement)
  const message = { receipt: hashReceipt(receipt, settlement), ...working }
  const typed = { domain, types: workingTypes, primaryType: 'Working', message }
  return signTyped(account, hashFields(message, domainOf(receipt, settlement)), typed)
}

/** Whether the provider of the receipt signed this root with its own key. */
export function isWorkingSigned(receipt: Receipt, working: WorkingRoot, settlement: Hex, signature: Hex): boolean {
  if (!isHexOf(signature, 65)) return false
  const message = { receipt: hashReceipt(receipt, settlement), ...working }
  const signer = signerOfDigest(hashFields(message, domainOf(receipt, settlement)), signature)
  return signer === receipt.provider.toLowerCase()
}

const domainOf = ({ chainId }: Receipt, settlement: Hex) => ({ chainId, verifyingContract: settlement })
