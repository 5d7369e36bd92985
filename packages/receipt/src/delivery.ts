/** The provider's word which file it delivers for a training's receipt. Spec: RECEIPT §9.5 */
import { type Hex, isHexOf } from '@weightless/codec'
import { deliveryTypes, receiptDomain as domainName } from '@weightless/contracts/typedData'
import { compileTypedData } from '@weightless/crypto'
import { hashReceipt, type Receipt, receiptDomain, signerOfDigest, signTyped, type TypedSigner } from './receipt.ts'

export type Delivery = {
  /** Of the deliverable on the chain: the task's. */
  id: string
  /** Storage root of the encrypted file, as the deliverable has it. */
  root: Hex
}

export type SignedDelivery = Delivery & { signature: Hex }

const hashFields = compileTypedData<Delivery & { receipt: Hex }>(domainName, 'Delivery', deliveryTypes.Delivery)

/** What the provider signs. @param settlement - FineTuningServing of the receipt */
function hashDelivery(receipt: Receipt, { id, root }: Delivery, settlement: Hex): Hex {
  const message = { receipt: hashReceipt(receipt, settlement), id, root }
  return hashFields(message, { chainId: receipt.chainId, verifyingContract: settlement })
}

export async function signDelivery(
  receipt: Receipt,
  { id, root }: Delivery,
  settlement: Hex,
  account: TypedSigner,
): Promise<SignedDelivery> {
  const domain = receiptDomain(receipt.chainId, settlement)
  const message = { receipt: hashReceipt(receipt, settlement), id, root }
  const typed = { domain, types: deliveryTypes, primaryType: 'Delivery', message }
  return { id, root, signature: await signTyped(account, hashDelivery(receipt, { id, root }, settlement), typed) }
}

/** Whether the provider of the receipt signed it with its own key. */
export function isDelivered(receipt: Receipt, delivery: SignedDelivery, settlement: Hex): boolean {
  if (!isHexOf(delivery.signature, 65)) return false
  return (
    signerOfDigest(hashDelivery(receipt, delivery, settlement), delivery.signature) === receipt.provider.toLowerCase()
  )
}
