/**
 * A receipt: the fixed-size, hash-only statement a provider signs about one answer. Spec: RECEIPT §2-3.
 * Contracts read the same bytes, because it is EIP-712 typed data.
 */
import { bytesToHex, type Hex, hexToBytes, isHexOf } from '@weightless/codec'
import { receiptDomain as domainName, receiptTypes } from '@weightless/contracts/typedData'
import { compileTypedData, recoverAccount } from '@weightless/crypto'
import type { LocalAccount, TypedDataDefinition } from 'viem'
import { batchSigner, isBatchSignature } from './receiptBatch.ts'

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
export const serviceClasses = { chat: 1, body: 2, fineTuning: 3 } as const
/** RECEIPT §2.2: how a third party can check the answer. */
export const checks = { none: 0, reExecution: 1, fingerprint: 2 } as const

/** RECEIPT §3; `settlement` is the ReceiptSettlement contract. */
export function receiptDomain(chainId: bigint, settlement: Hex) {
  return { ...domainName, chainId, verifyingContract: settlement } as const
}

const hashFields = compileTypedData<Receipt>(domainName, 'Receipt', receiptTypes.Receipt)

/** The 32 bytes that the provider signs; they are also the receipt's id. Spec: RECEIPT §3. */
export function hashReceipt(receipt: Receipt, settlement: Hex): Hex {
  return hashFields(receipt, { chainId: receipt.chainId, verifyingContract: settlement })
}

/** An account that signs digests, as viem's local accounts do, or one that must see what it signs. */
export type TypedSigner = Pick<LocalAccount, 'sign' | 'signTypedData'>

/** 65-byte signature r | s | v. Spec: RECEIPT §3. */
export async function signReceipt(receipt: Receipt, settlement: Hex, account: TypedSigner): Promise<Hex> {
  const domain = receiptDomain(receipt.chainId, settlement)
  const typed = { domain, types: receiptTypes, primaryType: 'Receipt', message: receipt }
  return signTyped(account, hashReceipt(receipt, settlement), typed)
}

/** @param digest - of `typed`, for an account that signs without seeing */
export async function signTyped(account: TypedSigner, digest: Hex, typed: TypedDataDefinition): Promise<Hex> {
  return account.sign ? account.sign({ hash: digest }) : account.signTypedData(typed)
}

/** Whose key signed the digest, lower case; undefined for bytes that are no signature. */
export function signerOfDigest(digest: Hex, signature: Hex): Hex | undefined {
  // Hostile signatures (r = 0, not on the curve) are an answer here, not a fault.
  if (!isHexOf(signature, 65)) return undefined
  const signer = recoverAccount(hexToBytes(digest), hexToBytes(signature))
  return signer && bytesToHex(signer)
}

/** Whose key signed, alone or in a batch, lower case; undefined for bytes that are no signature at all. */
export function recoverReceiptSigner(receipt: Receipt, settlement: Hex, signature: Hex): Hex | undefined {
  const digest = hashReceipt(receipt, settlement)
  if (signature.length <= plainCharacters) return signerOfDigest(digest, signature)
  if (!isHexOf(signature, (signature.length - 2) / 2)) return undefined
  const bytes = hexToBytes(signature)
  if (!isBatchSignature(bytes)) return undefined
  return batchSigner(hexToBytes(digest), bytes, { chainId: receipt.chainId, verifyingContract: settlement })
}

const plainCharacters = 2 + 2 * 65
