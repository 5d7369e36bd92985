/**
 * Reads a signed transaction envelope: types 0 (with and without EIP-155), 1 (EIP-2930), 2 (EIP-1559), 4 (EIP-7702).
 *
 * The envelope is walked as bytes once; the signing hash reuses its bytes, because what was signed is the same list
 * without its last three items.
 */
import {
  accept,
  asRlpBytes,
  asRlpList,
  decodeRlp,
  encodeRlp,
  RlpInvalidError,
  type RlpItem,
  type RlpSpan,
  readRlpSpan,
  reject,
  rlpToUint,
  spanToUint,
  uintToRlp,
  type Verdict,
} from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import type { AccessListEntry, Authorization, Signature, Transaction, TransactionType } from './transaction.ts'

export type DecodeFault = 'malformed' | 'type-unsupported' | 'invalid-signature'

/** `signingHash` is what the signature covers. */
export type DecodedTransaction = { transaction: Transaction; signingHash: Uint8Array }

/** Never throws on bytes from outside. */
export function decodeTransaction(raw: Uint8Array): Verdict<DecodedTransaction, DecodeFault> {
  try {
    return decode(raw)
  } catch (error) {
    if (error instanceof RlpInvalidError) return reject('malformed', `rlp: ${String(error.facts.reason)}`)
    throw error
  }
}

/** Positions in the envelope's list: nonce, fees, gas, to, value, data, and where the signature begins. */
const layouts = {
  0: { count: 9, chainId: -1, nonce: 0, priorityFee: 1, fee: 1, gas: 2, to: 3, value: 4, data: 5, accessList: -1 },
  1: { count: 11, chainId: 0, nonce: 1, priorityFee: 2, fee: 2, gas: 3, to: 4, value: 5, data: 6, accessList: 7 },
  2: { count: 12, chainId: 0, nonce: 1, priorityFee: 2, fee: 3, gas: 4, to: 5, value: 6, data: 7, accessList: 8 },
  4: { count: 13, chainId: 0, nonce: 1, priorityFee: 2, fee: 3, gas: 4, to: 5, value: 6, data: 7, accessList: 8 },
} as const

function decode(raw: Uint8Array): Verdict<DecodedTransaction, DecodeFault> {
  const first = raw[0]
  if (first === undefined) return reject('malformed', 'typed transaction too short')
  const type = first >= 0xc0 ? 0 : first
  if (type !== 0 && type !== 1 && type !== 2 && type !== 4) {
    return reject('type-unsupported', 'transaction type not supported')
  }
  if (type === 0 && first < 0xc0) return reject('type-unsupported', 'transaction type not supported')
  const spans = listSpans(raw, type === 0 ? 0 : 1)
  const layout = layouts[type]
  if (spans.length !== layout.count) return reject('malformed', 'rlp: wrong number of fields')
  const to = bytesAt(raw, spans[layout.to])
  if (to.length !== 0 && to.length !== 20) return reject('malformed', 'rlp: wrong length of to')
  if (type === 4 && to.length === 0) return reject('malformed', 'set code transaction without to')
  const nonce = uintAt(raw, spans[layout.nonce])
  if (nonce >= nonceLimit) return reject('malformed', 'nonce has max value')
  const signature = readSignature(raw, spans, type)
  if (signature === undefined) return reject('invalid-signature', 'invalid transaction v, r, s values')
  const chainId = type === 0 ? legacyChainId(signature.v) : uintAt(raw, spans[layout.chainId])
  if (chainId !== undefined && chainId > safeMax) return reject('malformed', 'chain id too large')
  const transaction: Transaction = {
    raw,
    hash: keccak256(raw),
    type,
    chainId: chainId === undefined ? undefined : Number(chainId),
    nonce: Number(nonce),
    maxFeePerGas: uintAt(raw, spans[layout.fee]),
    maxPriorityFeePerGas: uintAt(raw, spans[layout.priorityFee]),
    gasLimit: uintAt(raw, spans[layout.gas]),
    to: to.length === 0 ? undefined : to,
    value: uintAt(raw, spans[layout.value]),
    data: bytesAt(raw, spans[layout.data]),
    accessList: type === 0 ? [] : readAccessList(raw, spans[layout.accessList]!),
    authorizationList: type === 4 ? readAuthorizations(raw, spans[9]!) : [],
    signature,
  }
  return accept({ transaction, signingHash: signingHashOf(raw, spans, type, transaction.chainId) })
}

function listSpans(raw: Uint8Array, at: number): RlpSpan[] {
  const list = readRlpSpan(raw, at, raw.length)
  if (!list.list) throw new RlpInvalidError({ reason: 'expected a list', at })
  if (list.end !== raw.length) throw new RlpInvalidError({ reason: 'bytes after the item', at: list.end })
  const spans: RlpSpan[] = []
  for (let next = list.start; next < list.end && spans.length <= fieldsMax; ) {
    const span = readRlpSpan(raw, next, list.end)
    spans.push(span)
    next = span.end
  }
  return spans
}

function bytesAt(raw: Uint8Array, span: RlpSpan | undefined): Uint8Array {
  if (span === undefined || span.list) throw new RlpInvalidError({ reason: 'expected a byte string' })
  return raw.subarray(span.start, span.end)
}

function uintAt(raw: Uint8Array, span: RlpSpan | undefined): bigint {
  if (span === undefined || span.list) throw new RlpInvalidError({ reason: 'expected an integer' })
  if (span.end - span.start > 32) throw new RlpInvalidError({ reason: 'integer above 256 bits', at: span.start })
  if (span.end > span.start && raw[span.start] === 0) {
    throw new RlpInvalidError({ reason: 'integer with leading zeros', at: span.start })
  }
  return spanToUint(raw, span.start, span.end)
}

function readSignature(raw: Uint8Array, spans: readonly RlpSpan[], type: TransactionType): Signature | undefined {
  const count = spans.length
  const v = uintAt(raw, spans[count - 3])
  const yParity = type === 0 ? legacyParity(v) : v === 0n ? 0 : v === 1n ? 1 : undefined
  if (yParity === undefined) return undefined
  const r = scalar(raw, spans[count - 2])
  const s = scalar(raw, spans[count - 1])
  return isAbove(s, halfOrder) ? undefined : { v, yParity, r, s }
}

/** 32 bytes, left padded. */
function scalar(raw: Uint8Array, span: RlpSpan | undefined): Uint8Array {
  const bytes = bytesAt(raw, span)
  if (bytes.length > 32 || bytes[0] === 0) throw new RlpInvalidError({ reason: 'signature value out of form' })
  const padded = new Uint8Array(32)
  padded.set(bytes, 32 - bytes.length)
  return padded
}

function isAbove(value: Uint8Array, bound: Uint8Array): boolean {
  for (let i = 0; i < 32; i++) if (value[i] !== bound[i]) return value[i]! > bound[i]!
  return false
}

function legacyParity(v: bigint): 0 | 1 | undefined {
  if (v === 27n || v === 28n) return v === 27n ? 0 : 1
  return v < 35n ? undefined : v % 2n === 1n ? 0 : 1
}

function legacyChainId(v: bigint): bigint | undefined {
  return v < 35n ? undefined : (v - 35n) / 2n
}

function readAccessList(raw: Uint8Array, span: RlpSpan): AccessListEntry[] {
  if (!span.list) throw new RlpInvalidError({ reason: 'expected a list', at: span.start })
  if (span.start === span.end) return []
  return nestedItems(raw, span).map((entry) => {
    const [address, keys] = asRlpList(entry)
    return { address: sized(address, 20), storageKeys: asRlpList(keys).map((key) => sized(key, 32)) }
  })
}

function readAuthorizations(raw: Uint8Array, span: RlpSpan): Authorization[] {
  return nestedItems(raw, span).map((entry) => {
    const [chainId, address, nonce, yParity, r, s] = asRlpList(entry)
    return {
      chainId: rlpToUint(chainId),
      address: sized(address, 20),
      nonce: rlpToUint(nonce),
      yParity: Number(rlpToUint(yParity)),
      r: rlpToUint(r),
      s: rlpToUint(s),
    }
  })
}

function nestedItems(raw: Uint8Array, span: RlpSpan): RlpItem[] {
  const items: RlpItem[] = []
  for (let at = span.start; at < span.end; ) {
    const next = readRlpSpan(raw, at, span.end)
    items.push(decodeRlp(raw.subarray(at, next.end), 4))
    at = next.end
  }
  return items
}

function sized(item: RlpItem | undefined, length: number): Uint8Array {
  const bytes = asRlpBytes(item)
  if (bytes.length !== length) throw new RlpInvalidError({ reason: 'wrong length' })
  return bytes
}

function signingHashOf(
  raw: Uint8Array,
  spans: readonly RlpSpan[],
  type: TransactionType,
  chainId: number | undefined,
): Uint8Array {
  const lastSigned = spans[spans.length - 4]!
  const first = spans[0]!
  const listStart = type === 0 ? readRlpSpan(raw, 0, raw.length).start : readRlpSpan(raw, 1, raw.length).start
  const fields = raw.subarray(listStart, Math.max(lastSigned.end, first.end))
  const tail = type === 0 && chainId !== undefined ? encodeEip155Tail(chainId) : nothing
  const prefix = listPrefix(fields.length + tail.length)
  const skip = type === 0 ? 0 : 1
  const message = new Uint8Array(skip + prefix.length + fields.length + tail.length)
  if (skip === 1) message[0] = type
  message.set(prefix, skip)
  message.set(fields, skip + prefix.length)
  message.set(tail, skip + prefix.length + fields.length)
  return keccak256(message)
}

function encodeEip155Tail(chainId: number): Uint8Array {
  const id = encodeRlp(uintToRlp(chainId))
  const tail = new Uint8Array(id.length + 2).fill(0x80)
  tail.set(id)
  return tail
}

function listPrefix(payloadBytes: number): Uint8Array {
  if (payloadBytes <= 55) return new Uint8Array([0xc0 + payloadBytes])
  const length = uintToRlp(payloadBytes)
  const prefix = new Uint8Array(1 + length.length)
  prefix[0] = 0xf7 + length.length
  prefix.set(length, 1)
  return prefix
}

const nothing = new Uint8Array(0)
const fieldsMax = 13
const safeMax = BigInt(Number.MAX_SAFE_INTEGER)
/** Beyond 2^53 a nonce is no number any more, and no account gets there. */
const nonceLimit = safeMax
/** Half of the curve's order (EIP-2): a larger `s` is the malleable twin. */
const halfOrder = new Uint8Array([
  0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
  0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
])
