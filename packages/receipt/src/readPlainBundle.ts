/**
 * Reads the bundles that nearly all requests end with, many times faster than the schema in `bundle.ts` does: of one answer
 * without a shape, a bias or penalties, or about bytes. It takes nothing that the schema refuses; what it does not take is the
 * schema's to judge, which also names the fault. Spec: RECEIPT §6.
 */
import { type Hex, hexToBytes, isHexOf } from '@weightless/codec'
import type { Acceptance } from './authorization.ts'
import type { Message, Price, SamplerParameters, SeedSource } from './commitments.ts'
import type { BodyFinish, BodyOpening, Bundle, ChatOpening, ChoiceOutput } from './openedReceipt.ts'
import type { Receipt } from './receipt.ts'
import { batchProofMax } from './receiptBatch.ts'

export const messagesMax = 4_096
export const tokensMax = 1_048_576
export const stopsMax = 16
export const bodyPath = /^\/v1\/[a-z0-9_/-]{1,120}$/

/** Undefined where the schema is to be asked. */
export function readPlainBundle(json: unknown): Bundle | undefined {
  try {
    return bundleOf(json)
  } catch (fault) {
    if (fault === notPlain) return undefined
    throw fault
  }
}

function bundleOf(json: unknown): Bundle {
  const whole = objectOf(json)
  const isAccepted = 'acceptance' in whole
  keysAre(whole, isAccepted ? 6 : 5)
  if (whole.version !== 1) throw notPlain
  const opening = objectOf(whole.opening)
  return {
    settlement: hexOf(whole.settlement, 20),
    receipt: receiptOf(objectOf(whole.receipt)),
    signature: signatureOf(whole.signature),
    opening: opening.kind === 'body' ? bodyOf(opening) : chatOf(opening),
    ...(isAccepted && { acceptance: acceptanceOf(objectOf(whole.acceptance)) }),
  }
}

function receiptOf(json: Fields): Receipt {
  keysAre(json, 20)
  return {
    version: integerOf(json.version, 0xffff),
    serviceClass: integerOf(json.serviceClass, 0xff),
    check: integerOf(json.check, 0xff),
    chainId: uintOf(json.chainId, word256),
    user: hexOf(json.user, 20),
    provider: hexOf(json.provider, 20),
    modelRoot: hexOf(json.modelRoot, 32),
    programId: hexOf(json.programId, 32),
    tokenizerRoot: hexOf(json.tokenizerRoot, 32),
    sampler: hexOf(json.sampler, 32),
    seed: hexOf(json.seed, 32),
    inputHash: hexOf(json.inputHash, 32),
    outputHash: hexOf(json.outputHash, 32),
    traceRoot: hexOf(json.traceRoot, 32),
    promptTokens: uintOf(json.promptTokens, word64),
    completionTokens: uintOf(json.completionTokens, word64),
    priceId: hexOf(json.priceId, 32),
    fee: uintOf(json.fee, word256),
    jobNonce: uintOf(json.jobNonce, word256),
    timestamp: uintOf(json.timestamp, word64),
  }
}

function bodyOf(json: Fields): BodyOpening {
  keysAre(json, 7)
  const path = json.path
  if (typeof path !== 'string' || !bodyPath.test(path)) throw notPlain
  return {
    kind: 'body',
    salt: hexOf(json.salt, 32),
    path,
    requestSha256: hexOf(json.requestSha256, 32),
    responseSha256: hexOf(json.responseSha256, 32),
    finishReason: oneOf<BodyFinish>(json.finishReason, 'stop', 'cancelled', 'upstream_failed'),
    price: priceOf(objectOf(json.price)),
  }
}

function chatOf(json: Fields): ChatOpening {
  const isTraced = 'trace' in json
  keysAre(json, isTraced ? 10 : 9)
  return {
    salt: hexOf(json.salt, 32),
    messages: listOf(json.messages, messagesMax, messageOf),
    stop: listOf(json.stop, stopsMax, textOf),
    sampler: samplerOf(objectOf(json.sampler)),
    seed: seedOf(objectOf(json.seed)),
    outputTokens: listOf(json.outputTokens, tokensMax, tokenOf),
    outputText: textOf(json.outputText),
    finishReason: oneOf<ChoiceOutput['finishReason']>(json.finishReason, 'stop', 'length', 'cancelled'),
    price: priceOf(objectOf(json.price)),
    ...(isTraced && { trace: bytesOf(json.trace) }),
  }
}

function messageOf(json: unknown): Message {
  const fields = objectOf(json)
  keysAre(fields, 2)
  return { role: textOf(fields.role), content: textOf(fields.content) }
}

function samplerOf(json: Fields): SamplerParameters {
  keysAre(json, 3)
  return {
    temperature: numberOf(json.temperature, 100),
    topP: numberOf(json.topP, 1),
    maxTokens: integerOf(json.maxTokens, 0xffffffff),
  }
}

function seedOf(json: Fields): SeedSource {
  keysAre(json, 2)
  if (json.kind === 'nonce') return { kind: 'nonce', nonce: hexOf(json.nonce, 32) }
  if (json.kind !== 'seed' || typeof json.value !== 'string' || !/^-?[0-9]{1,19}$/.test(json.value)) throw notPlain
  const value = BigInt(json.value)
  if (BigInt.asIntN(64, value) !== value) throw notPlain
  return { kind: 'seed', value }
}

function priceOf(json: Fields): Price {
  keysAre(json, 4)
  return {
    model: textOf(json.model),
    inputWeiPerToken: uintOf(json.inputWeiPerToken, word256),
    outputWeiPerToken: uintOf(json.outputWeiPerToken, word256),
    updatedAt: uintOf(json.updatedAt, word256),
  }
}

function acceptanceOf(json: Fields): Acceptance {
  keysAre(json, 2)
  const signed = objectOf(json.authorization)
  keysAre(signed, 7)
  return {
    authorization: {
      user: hexOf(signed.user, 20),
      provider: hexOf(signed.provider, 20),
      jobNonce: uintOf(signed.jobNonce, word256),
      requestHash: hexOf(signed.requestHash, 32),
      priceId: hexOf(signed.priceId, 32),
      maxFee: uintOf(signed.maxFee, word256),
      deadline: uintOf(signed.deadline, word256),
    },
    signature: hexOf(json.signature, 65),
  }
}

type Fields = Record<string, unknown>

/** As JSON makes objects, so that what is not among its own keys is not in it at all. */
function objectOf(json: unknown): Fields {
  if (typeof json !== 'object' || json === null || Object.getPrototypeOf(json) !== Object.prototype) throw notPlain
  return json as Fields
}

/** All of `count` names are read afterwards, none of which may be absent; so there are no others. */
function keysAre(json: Fields, count: number): void {
  if (Object.keys(json).length !== count) throw notPlain
}

function hexOf(json: unknown, byteCount: number): Hex {
  if (!isHexOf(json, byteCount)) throw notPlain
  return json.toLowerCase() as Hex
}

function signatureOf(json: unknown): Hex {
  const proofWords = typeof json === 'string' ? (json.length - plainCharacters) / 64 : -1
  if (!Number.isInteger(proofWords) || proofWords < 0 || proofWords > batchProofMax) throw notPlain
  return hexOf(json, 65 + proofWords * 32)
}

function bytesOf(json: unknown): Uint8Array {
  if (typeof json !== 'string' || json.length % 2 !== 0 || !isHexOf(json, json.length / 2 - 1)) throw notPlain
  return hexToBytes(json)
}

function uintOf(json: unknown, end: bigint): bigint {
  if (typeof json !== 'string' || !/^(0|[1-9][0-9]{0,77})$/.test(json)) throw notPlain
  const value = BigInt(json)
  if (value >= end) throw notPlain
  return value
}

function integerOf(json: unknown, max: number): number {
  if (!Number.isInteger(json)) throw notPlain
  return numberOf(json, max)
}

function numberOf(json: unknown, max: number): number {
  if (typeof json !== 'number' || !(json >= 0 && json <= max)) throw notPlain
  return json
}

const tokenOf = (json: unknown): number => integerOf(json, 0xffffffff)

function textOf(json: unknown): string {
  if (typeof json !== 'string' || !json.isWellFormed()) throw notPlain
  return json
}

function listOf<Item>(json: unknown, max: number, itemOf: (json: unknown) => Item): Item[] {
  if (!Array.isArray(json) || json.length > max) throw notPlain
  const items: Item[] = []
  for (const item of json) items.push(itemOf(item))
  return items
}

function oneOf<Name extends string>(json: unknown, ...names: Name[]): Name {
  const name = names.find((each) => each === json)
  if (name === undefined) throw notPlain
  return name
}

const plainCharacters = 2 + 2 * 65
const word64 = 1n << 64n
const word256 = 1n << 256n
/** Thrown within this file alone; made once, because a stack would cost more than the reading. */
const notPlain = new Error('not a plain bundle')
