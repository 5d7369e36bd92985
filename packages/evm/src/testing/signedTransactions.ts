/** Signed transactions of well-known test keys, made by @ethereumjs/tx, and small contracts written in opcodes. */
import type { Common } from '@ethereumjs/common'
import { createTx, type TypedTxData } from '@ethereumjs/tx'
import {
  Address,
  bigIntToUnpaddedBytes,
  eoaCode7702SignAuthorization,
  hexToBytes,
  privateToAddress,
} from '@ethereumjs/util'
import { concatBytes } from '@weightless/codec'
import type { TransactionInput } from '../evm.ts'

const keys = [1, 2, 3, 4, 5].map((value) => new Uint8Array(32).fill(value))
export const senders: readonly Uint8Array[] = keys.map((key) => privateToAddress(key))

/** Signs as sender `index`; `data.type` chooses the envelope. */
export function sign(common: Common, index: number, data: TypedTxData): TransactionInput {
  const fields = data.to instanceof Uint8Array ? { ...data, to: new Address(data.to) } : data
  const signed = createTx(fields as TypedTxData, { common }).sign(keys[index]!)
  return { raw: signed.serialize(), sender: senders[index]! }
}

/** An EIP-7702 authorization by sender `index` to run the code of `address`. */
export function authorize(common: Common, index: number, address: Uint8Array, nonce: bigint) {
  const chainId = bigIntToUnpaddedBytes(common.chainId())
  return eoaCode7702SignAuthorization([chainId, address, bigIntToUnpaddedBytes(nonce)], keys[index]!)
}

/** Init code that leaves `runtime` (up to 65,535 bytes) as the contract's code. */
export function deploying(runtime: Uint8Array): Uint8Array {
  const [high, low] = [runtime.length >> 8, runtime.length & 0xff]
  // PUSH2 length, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN
  return concatBytes([new Uint8Array([0x61, high, low, 0x80, 0x60, 0x0a, 0x5f, 0x39, 0x5f, 0xf3]), runtime])
}

export const contracts = {
  /** SSTORE(calldata[0..32], calldata[32..64]) */
  store: hexToBytes('0x6020355f355500'),
  /** LOG1 of the whole calldata under its first word. */
  log: hexToBytes('0x365f5f375f35365fa100'),
  /** Writes slot 0, then reverts with the calldata. */
  revert: hexToBytes('0x60015f55365f5f37365ffd'),
  /** SELFDESTRUCT to calldata[0..32] */
  selfdestruct: hexToBytes('0x5f35ff'),
  /** CREATE2 of the calldata with salt 0, address kept in slot 1. */
  factory: hexToBytes('0x365f5f375f365f5ff560015500'),
  /** CALL to the address in calldata[0..32] with the rest of the calldata and the value received. */
  forward: hexToBytes('0x6020360360205f3760205f5f60203603 5f 34 5f35 5af1 00'.replaceAll(' ', '') as `0x${string}`),
  /** Keeps BLOCKHASH(number-1), PREVRANDAO, TIMESTAMP, NUMBER, COINBASE, CHAINID, BASEFEE, GASLIMIT in slots 0 to 7. */
  environment: hexToBytes(
    '0x60014303405f55446001554260025543600355416004554660055548600655456007 5500'.replaceAll(' ', '') as `0x${string}`,
  ),
} as const

/** A 32-byte big-endian word. */
export function word(value: bigint | number): Uint8Array {
  return hexToBytes(`0x${value.toString(16).padStart(64, '0')}`)
}
