/**
 * A receipt: the fixed-size, hash-only statement a provider signs about one answer. Spec: RECEIPT §2-3.
 * Contracts read the same bytes, because it is EIP-712 typed data.
 */
import type { Hex } from '@weightless/codec'
import { receiptDomain as domainName, receiptTypes } from '@weightless/contracts/typedData'
import { hashTypedData, type LocalAccount, recoverTypedDataAddress } from 'viem'

/** RECEIPT §2; integers of up to 53 bits are numbers, wider ones bigint, hashes and addresses hex. */
export type Receipt = {
  version: number
  serviceClass: number
  check: number
  chainId: bigint
  user: Hex
  provider: Hex
  modelRoot: Hex
  programId: Hex
  tokenizerRoot: Hex
  sampler: Hex
  seed: Hex
  inputHash: Hex
  outputHash: Hex
  /** 32 zero bytes when nothing was traced. */
  traceRoot: Hex
  promptTokens: bigint
  completionTokens: bigint
  priceId: Hex
  /** wei */
  fee: bigint
  jobNonce: bigint
  /** Seconds since the Unix epoch. */
  timestamp: bigint
}

export const receiptVersion = 1

/** RECEIPT §2.1 */
export const serviceClasses = { chat: 1 } as const
/** RECEIPT §2.2: how a third party can check the answer. */
export const checks = { none: 0, reExecution: 1 } as const

/** RECEIPT §3; `settlement` is the ReceiptSettlement contract. */
export function receiptDomain(chainId: bigint, settlement: Hex) {
  return { ...domainName, chainId, verifyingContract: settlement } as const
}

/** The 32 bytes that the provider signs; they are also the receipt's id. Spec: RECEIPT §3. */
export function hashReceipt(receipt: Receipt, settlement: Hex): Hex {
  return hashTypedData(typedData(receipt, settlement))
}

/** 65-byte signature r | s | v. Spec: RECEIPT §3. */
export function signReceipt(
  receipt: Receipt,
  settlement: Hex,
  account: Pick<LocalAccount, 'signTypedData'>,
): Promise<Hex> {
  return account.signTypedData(typedData(receipt, settlement))
}

/** Whose key signed; undefined for bytes that are no signature at all. */
export async function recoverReceiptSigner(
  receipt: Receipt,
  settlement: Hex,
  signature: Hex,
): Promise<Hex | undefined> {
  try {
    return await recoverTypedDataAddress({ ...typedData(receipt, settlement), signature })
  } catch {
    // Hostile signatures (r = 0, not on the curve) are an answer here, not a fault.
    return undefined
  }
}

function typedData(receipt: Receipt, settlement: Hex) {
  return {
    domain: receiptDomain(receipt.chainId, settlement),
    types: receiptTypes,
    primaryType: 'Receipt',
    message: receipt,
  } as const
}
