/** Reads what clients send, with the liberties that published ones take: keys in several forms, numbers as text. Spec: kv §5.2. */
import { hexToBytes, isHexOf, textToBytes } from '@weightless/codec'
import { invalidParams, type RpcFault } from '@weightless/storage/wire'
import { versionMax } from '../state/rowKeys.ts'
import { keyBytesMax } from '../wire/index.ts'

/** Longest part of a value in one answer. */
export const queryBytesMax = 256 * 1024

/** A parameter that is not what the method needs; caught where methods are called. */
export class ParamInvalid extends Error {
  readonly fault: RpcFault
  constructor(parameter: string, data: string) {
    super(data)
    this.fault = invalidParams(parameter, data)
  }
}

export function readStreamId(value: unknown): Uint8Array {
  if (!isHexOf(value, 32)) throw new ParamInvalid('stream_id', 'not 32 bytes of hex')
  return hexToBytes(value)
}

export function readAccount(value: unknown): Uint8Array {
  if (!isHexOf(value, 20)) throw new ParamInvalid('account', 'not 20 bytes of hex')
  return hexToBytes(value)
}

/**
 * What a key may mean, likeliest first: base64, as the protocol says; else hex, bytes as JSON writes them, or plain text, as
 * clients before 1.2.8 send what their caller gave. @throws {ParamInvalid}
 */
export function readKeys(value: unknown): Uint8Array[] {
  const keys = typeof value === 'string' ? keysOfText(value) : [bytesOfJson(value)].filter((key) => key !== undefined)
  const fitting = keys.filter((key) => key.length > 0 && key.length <= keyBytesMax)
  if (fitting.length === 0) throw new ParamInvalid('key', keys.length === 0 ? 'not a key' : 'key is empty')
  return fitting
}

function keysOfText(text: string): Uint8Array[] {
  const keys: Uint8Array[] = []
  const fromBase64 = base64ToBytes(text)
  if (fromBase64) keys.push(fromBase64)
  if (/^0x([0-9a-fA-F]{2})*$/.test(text)) keys.push(hexToBytes(text))
  keys.push(textToBytes(text))
  return keys
}

/** `{"0":107,"1":101}` is a Uint8Array, `{"type":"Buffer","data":[107,101]}` a Buffer, as JSON has them. */
function bytesOfJson(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const data = 'data' in value && Array.isArray(value.data) ? value.data : Object.values(value)
  const isBytes = data.every((byte) => Number.isInteger(byte) && (byte as number) >= 0 && (byte as number) < 256)
  return isBytes ? Uint8Array.from(data as number[]) : undefined
}

/** Undefined when the text is not what encoding its own bytes would give. */
export function base64ToBytes(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  const bytes = new Uint8Array(Buffer.from(text, 'base64'))
  return bytesToBase64(bytes) === text ? bytes : undefined
}

/** A whole number from 0 on, also as text. */
export function readCount(value: unknown, parameter: string, max = Number.MAX_SAFE_INTEGER): number {
  const count = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0) {
    throw new ParamInvalid(parameter, 'not a whole number')
  }
  if (count > max) throw new ParamInvalid(parameter, 'too large')
  return count
}

export function readLength(value: unknown): number {
  const length = readCount(value, 'len')
  if (length > queryBytesMax) throw new ParamInvalid('len', 'query length too large')
  return length
}

/** The newest without one. JSON cannot say 2^64 - 1 exactly: whatever is beyond exact numbers means the newest. */
export function readVersion(value: unknown): bigint {
  if (value === undefined || value === null) return versionMax
  const number = typeof value === 'string' && /^\d{1,20}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !(number >= 0)) throw new ParamInvalid('version', 'not a whole number')
  return number > Number.MAX_SAFE_INTEGER ? versionMax : BigInt(Math.floor(number))
}

export function readFlag(value: unknown, parameter: string): boolean {
  if (typeof value !== 'boolean') throw new ParamInvalid(parameter, 'not a boolean')
  return value
}

export function bytesToBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}
