/** Writes and signs EIP-1559 and legacy transactions for the accounts that the devnet holds or impersonates. */
import { concatBytes, encodeRlp, type RlpItem, uintToRlp } from '@weightless/codec'
import { keccak256, type RecoverableSignature, secp256k1Sign } from '@weightless/crypto'
import type { AccessListEntry } from './transaction.ts'

/** Fees in wei per gas. `gasPrice` makes a legacy transaction. */
export type UnsignedTransaction = {
  chainId: number
  nonce: number
  gasLimit: bigint
  to: Uint8Array | undefined
  value: bigint
  data: Uint8Array
  accessList: readonly AccessListEntry[]
  fee: { gasPrice: bigint } | { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint }
}

type Signer = (signingHash: Uint8Array) => RecoverableSignature

/** The signed envelope. */
export function signTransaction(unsigned: UnsignedTransaction, privateKey: Uint8Array): Uint8Array {
  return seal(unsigned, (hash) => secp256k1Sign(hash, privateKey))
}

/**
 * An envelope for an impersonated account: nobody can sign for it, so the signature's place holds the address (r) and 1
 * (s); the sender travels beside the envelope and is stored with the block.
 */
export function sealImpersonated(unsigned: UnsignedTransaction, sender: Uint8Array): Uint8Array {
  const signature = new Uint8Array(64)
  signature.set(sender, 12)
  signature[63] = 1
  return seal(unsigned, () => ({ signature, recoveryId: 0 }))
}

function seal(unsigned: UnsignedTransaction, sign: Signer): Uint8Array {
  return 'gasPrice' in unsigned.fee
    ? sealLegacy(unsigned, unsigned.fee.gasPrice, sign)
    : sealDynamic(unsigned, unsigned.fee, sign)
}

function sealLegacy(unsigned: UnsignedTransaction, gasPrice: bigint, sign: Signer): Uint8Array {
  const fields = [uintToRlp(unsigned.nonce), uintToRlp(gasPrice), ...body(unsigned)]
  const none = new Uint8Array(0)
  const { signature, recoveryId } = sign(keccak256(encodeRlp([...fields, uintToRlp(unsigned.chainId), none, none])))
  return encodeRlp([...fields, uintToRlp(unsigned.chainId * 2 + 35 + recoveryId), ...scalars(signature)])
}

function sealDynamic(
  unsigned: UnsignedTransaction,
  fee: { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint },
  sign: Signer,
): Uint8Array {
  const fields: RlpItem[] = [
    uintToRlp(unsigned.chainId),
    uintToRlp(unsigned.nonce),
    uintToRlp(fee.maxPriorityFeePerGas),
    uintToRlp(fee.maxFeePerGas),
    ...body(unsigned),
    unsigned.accessList.map((entry) => [entry.address, entry.storageKeys]),
  ]
  const type = new Uint8Array([2])
  const { signature, recoveryId } = sign(keccak256(concatBytes([type, encodeRlp(fields)])))
  return concatBytes([type, encodeRlp([...fields, uintToRlp(recoveryId), ...scalars(signature)])])
}

function body(unsigned: UnsignedTransaction): RlpItem[] {
  const to = unsigned.to ?? new Uint8Array(0)
  return [uintToRlp(unsigned.gasLimit), to, uintToRlp(unsigned.value), unsigned.data]
}

function scalars(signature: Uint8Array): RlpItem[] {
  return [trimmed(signature.subarray(0, 32)), trimmed(signature.subarray(32, 64))]
}

function trimmed(scalar: Uint8Array): Uint8Array {
  let start = 0
  while (start < scalar.length && scalar[start] === 0) start++
  return scalar.subarray(start)
}
