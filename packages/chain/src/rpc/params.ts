/** Reads the parameters of JSON-RPC methods; what does not fit is an `invalid-params` fault in geth's manner. */
import { type Hex, hexToBytes, hexToQuantity, isHexOf } from '@weightless/codec'
import { invalidParams } from './rpcFault.ts'

export type Fields = { readonly [name: string]: unknown }

/** @throws {RpcFault} */
export function readAddress(value: unknown, name: string): Uint8Array {
  if (isHexOf(value, 20)) return hexToBytes(value)
  throw invalidParams(`invalid argument ${name}: expected an address of 20 bytes`)
}

/** @throws {RpcFault} */
export function readHash(value: unknown, name: string): Uint8Array {
  if (isHexOf(value, 32)) return hexToBytes(value)
  throw invalidParams(`invalid argument ${name}: expected 32 bytes of hex`)
}

/** A storage key: 32 bytes, or fewer digits as eth_getStorageAt allows. @throws {RpcFault} */
export function readSlot(value: unknown, name: string): Uint8Array {
  if (typeof value === 'string' && /^0x[0-9a-fA-F]{1,64}$/.test(value))
    return hexToBytes(value.slice(2).padStart(64, '0'))
  throw invalidParams(`invalid argument ${name}: expected a storage key of at most 32 bytes`)
}

/** @throws {RpcFault} */
export function readBytes(value: unknown, name: string): Uint8Array {
  if (typeof value === 'string' && value.length % 2 === 0 && /^0x[0-9a-fA-F]*$/.test(value)) return hexToBytes(value)
  throw invalidParams(`invalid argument ${name}: expected 0x-prefixed bytes`)
}

/** Hex quantity; plain JSON numbers too, because hand-written requests have them. @throws {RpcFault} */
export function readQuantity(value: unknown, name: string): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value)
  if (typeof value === 'string' && /^0x[0-9a-fA-F]{1,64}$/.test(value)) return hexToQuantity(value)
  throw invalidParams(`invalid argument ${name}: expected a hex quantity`)
}

/** @throws {RpcFault} */
export function readCount(value: unknown, name: string): number {
  const quantity = typeof value === 'string' && /^\d{1,15}$/.test(value) ? BigInt(value) : readQuantity(value, name)
  if (quantity <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(quantity)
  throw invalidParams(`invalid argument ${name}: too large`)
}

/** @throws {RpcFault} */
export function readFields(value: unknown, name: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw invalidParams(`invalid argument ${name}: expected an object`)
}

/** @throws {RpcFault} */
export function readList(value: unknown, name: string, countMax: number): readonly unknown[] {
  if (!Array.isArray(value)) throw invalidParams(`invalid argument ${name}: expected an array`)
  if (value.length > countMax) throw invalidParams(`invalid argument ${name}: more than ${countMax} entries`)
  return value
}

/** `undefined` and `null` alike mean absent. */
export function optional<Value>(
  value: unknown,
  read: (value: unknown, name: string) => Value,
  name: string,
): Value | undefined {
  return value === undefined || value === null ? undefined : read(value, name)
}

export type BlockTag = 'latest' | 'pending' | 'earliest' | 'safe' | 'finalized'

/** A block as a caller names it. */
export type BlockName = { tag: BlockTag } | { number: number } | { hash: Uint8Array }

const tags: readonly string[] = ['latest', 'pending', 'earliest', 'safe', 'finalized'] satisfies BlockTag[]

/** Tag, number, hash, or EIP-1898 object; absent means latest. @throws {RpcFault} */
export function readBlockName(value: unknown, name: string): BlockName {
  if (value === undefined || value === null) return { tag: 'latest' }
  if (typeof value === 'string' && tags.includes(value)) return { tag: value as BlockTag }
  if (isHexOf(value, 32)) return { hash: hexToBytes(value as Hex) }
  if (typeof value === 'object' && !Array.isArray(value)) {
    const fields = value as Fields
    if (fields.blockHash !== undefined) return { hash: readHash(fields.blockHash, 'blockHash') }
    return { number: readCount(fields.blockNumber, 'blockNumber') }
  }
  return { number: readCount(value, name) }
}
