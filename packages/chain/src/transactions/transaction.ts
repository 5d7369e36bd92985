/** A signed transaction as the chain sees it, with the envelope it came in. */

export type TransactionType = 0 | 1 | 2 | 4

/** Fees are wei per gas; for types 0 and 1 both fees are the gas price. */
export type Transaction = {
  /** The signed envelope (EIP-2718), exactly as received. */
  raw: Uint8Array
  /** keccak256 of `raw`. */
  hash: Uint8Array
  type: TransactionType
  /** Undefined for a legacy transaction from before EIP-155. */
  chainId: number | undefined
  nonce: number
  maxFeePerGas: bigint
  maxPriorityFeePerGas: bigint
  gasLimit: bigint
  /** Undefined creates a contract. */
  to: Uint8Array | undefined
  value: bigint
  data: Uint8Array
  accessList: readonly AccessListEntry[]
  authorizationList: readonly Authorization[]
  signature: Signature
}

export type AccessListEntry = { address: Uint8Array; storageKeys: readonly Uint8Array[] }

/** EIP-7702. */
export type Authorization = {
  chainId: bigint
  address: Uint8Array
  nonce: bigint
  yParity: number
  r: bigint
  s: bigint
}

/** `r` and `s` are 32 bytes; `v` is what stands in the envelope, `yParity` what it means. */
export type Signature = { v: bigint; yParity: 0 | 1; r: Uint8Array; s: Uint8Array }

/** A transaction together with the account that signed it (20 bytes). */
export type SignedTransaction = Transaction & { sender: Uint8Array }
