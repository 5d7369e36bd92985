/** `kv_get…` as the network's clients call them, and ours: many values at once, and pages of a prefix. Spec: kv §5. */
import { bytesToHex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { callFailed, invalidParams } from '@weightless/storage/wire'
import type { Replica } from '../replica.ts'
import type { StoredValue, Walk } from '../state/streamState.ts'
import { sizeOfRef } from '../state/valueRef.ts'
import type { RpcAnswer, RpcContext, RpcMethods } from './answerRpc.ts'
import { createQuirkyOffsets } from './quirkyOffsets.ts'
import {
  base64ToBytes,
  bytesToBase64,
  ParamInvalid,
  queryBytesMax,
  readCount,
  readFlag,
  readKeys,
  readLength,
  readStreamId,
  readVersion,
} from './readParams.ts'

export type MethodParts = { env: Pick<Env, 'clock'>; replica(): Replica }

const missing = { version: 0, data: '', size: 0 }
const keysPerCallMax = 256
const pageMax = 1_000
/** Keys without a value that one call passes over before it gives up, and between two of which it lets others work. */
const passedMax = 200_000
const passedPerTurn = 256

export function valueMethods(parts: MethodParts): RpcMethods {
  const offsets = createQuirkyOffsets()
  return {
    kv_getValue(params, context) {
      const [streamId, keys] = [readStreamId(params[0]), readKeys(params[1])]
      const [startIndex, length, version] = [
        readCount(params[2], 'start_index'),
        readLength(params[3]),
        readVersion(params[4]),
      ]
      const { state } = parts.replica()
      const found = keys.map((key) => state.find(streamId, key, version)).find((value) => value !== undefined)
      if (!found) return { result: missing }
      const size = sizeOfRef(found.ref)
      const who = () => `${context.remoteAddress} ${params[0]} ${bytesToHex(found.key)} ${version}`
      const start = size > queryBytesMax ? offsets.meant(who(), startIndex, length, size) : startIndex
      return segmentOf(parts, found, start, length, context)
    },
    kv_getNext: (params, context) => step(parts, params, false, context),
    kv_getPrev: (params, context) => step(parts, params, true, context),
    kv_getFirst: (params, context) => edge(parts, params, false, context),
    kv_getLast: (params, context) => edge(parts, params, true, context),
    kv_getValues: (params, context) => getValues(parts, params, context),
    kv_scan: (params, context) => scan(parts, params, context),
  }
}

/** One part of a value; inline values are answered without waiting. */
function segmentOf(
  parts: MethodParts,
  { version, ref }: StoredValue,
  startIndex: number,
  length: number,
  context: RpcContext,
  more: { key?: string } = {},
): RpcAnswer | Promise<RpcAnswer> {
  const size = sizeOfRef(ref)
  const head = { version: Number(version), ...more }
  if (length === 0) return { result: { ...head, data: '', size } }
  if (startIndex > size) return { fault: invalidParams('start_index', 'start index is greater than value length') }
  if (ref.kind === 'inline') {
    return { result: { ...head, data: bytesToBase64(ref.bytes.subarray(startIndex, startIndex + length)), size } }
  }
  return parts
    .replica()
    .readValue(ref, startIndex, length, context.signal)
    .then((bytes) => ({ result: { ...head, data: bytesToBase64(bytes), size } }))
}

/** The next key that has a value; undefined at the end. */
async function firstOf(
  { env, replica }: MethodParts,
  streamId: Uint8Array,
  walk: Walk,
  { signal }: RpcContext,
): Promise<StoredValue | undefined> {
  let passed = 0
  for (const value of replica().state.walk(streamId, walk)) {
    if (value) return value
    if (++passed > passedMax) throw new TooSparse()
    if (passed % passedPerTurn === 0) await env.clock.sleep(0, signal)
  }
  return undefined
}

async function step(
  parts: MethodParts,
  params: readonly unknown[],
  reverse: boolean,
  context: RpcContext,
): Promise<RpcAnswer> {
  const [streamId, from] = [readStreamId(params[0]), readKeys(params[1])[0]!]
  const [startIndex, length] = [readCount(params[2], 'start_index'), readLength(params[3])]
  const [inclusive, version] = [readFlag(params[4], 'inclusive'), readVersion(params[5])]
  return answerWalk(parts, streamId, { from, inclusive, version, reverse }, startIndex, length, context)
}

async function edge(
  parts: MethodParts,
  params: readonly unknown[],
  reverse: boolean,
  context: RpcContext,
): Promise<RpcAnswer> {
  const [streamId, startIndex, length] = [
    readStreamId(params[0]),
    readCount(params[1], 'start_index'),
    readLength(params[2]),
  ]
  return answerWalk(parts, streamId, { version: readVersion(params[3]), reverse }, startIndex, length, context)
}

async function answerWalk(
  parts: MethodParts,
  streamId: Uint8Array,
  walk: Walk,
  startIndex: number,
  length: number,
  context: RpcContext,
): Promise<RpcAnswer> {
  try {
    const found = await firstOf(parts, streamId, walk, context)
    if (!found) return { result: null }
    return await segmentOf(parts, found, startIndex, length, context, { key: bytesToBase64(found.key) })
  } catch (error) {
    if (error instanceof TooSparse) return { fault: callFailed(error.message) }
    throw error
  }
}

/** `[streamId, [keys], version?]`: values of up to 256 keys, each whole if it is small, else its size alone. */
async function getValues(parts: MethodParts, params: readonly unknown[], context: RpcContext): Promise<RpcAnswer> {
  const [streamId, keys, version] = [readStreamId(params[0]), params[1], readVersion(params[2])]
  if (!Array.isArray(keys) || keys.length > keysPerCallMax) {
    throw new ParamInvalid('keys', `not a list of at most ${keysPerCallMax}`)
  }
  const { state } = parts.replica()
  const results: unknown[] = []
  for (const key of keys.map((one) => readKeys(one)[0]!)) {
    const found = state.find(streamId, key, version)
    if (!found) results.push(missing)
    else {
      const answer = await segmentOf(parts, found, 0, found.ref.kind === 'inline' ? queryBytesMax : 0, context)
      if ('fault' in answer) return answer
      results.push(answer.result)
    }
  }
  return { result: results }
}

/** `[streamId, {prefix?, after?, limit?, version?, reverse?, values?}]`: a page of keys that begin alike, with the cursor of the next. */
async function scan(parts: MethodParts, params: readonly unknown[], context: RpcContext): Promise<RpcAnswer> {
  const streamId = readStreamId(params[0])
  const {
    prefix,
    after,
    limit = 100,
    version,
    reverse = false,
    values = true,
  } = (params[1] ?? {}) as Record<string, unknown>
  const pageSize = readCount(limit, 'limit', pageMax)
  const walk: Walk = {
    version: readVersion(version),
    reverse: readFlag(reverse, 'reverse'),
    inclusive: false,
    ...(prefix === undefined ? {} : { prefix: readBytes(prefix, 'prefix') }),
    ...(after === undefined ? {} : { from: readBytes(after, 'after') }),
  }
  const withValues = readFlag(values, 'values')
  const items: unknown[] = []
  let [passed, last, bytes] = [0, undefined as string | undefined, 0]
  for (const found of parts.replica().state.walk(streamId, walk)) {
    if (++passed % passedPerTurn === 0) await parts.env.clock.sleep(0, context.signal)
    if (!found) {
      if (passed > passedMax) return { fault: callFailed(new TooSparse().message) }
      continue
    }
    if (items.length >= pageSize || bytes > pageBytesMax) return { result: { items, cursor: last ?? null } }
    last = bytesToBase64(found.key)
    const length = withValues && found.ref.kind === 'inline' ? queryBytesMax : 0
    const answer = await segmentOf(parts, found, 0, length, context, { key: last })
    if ('fault' in answer) return answer
    items.push(answer.result)
    bytes += found.key.length + (length > 0 ? sizeOfRef(found.ref) : 0)
  }
  return { result: { items, cursor: null } }
}

const pageBytesMax = 4 * 1024 * 1024

function readBytes(value: unknown, parameter: string): Uint8Array {
  const bytes = typeof value === 'string' ? base64ToBytes(value) : undefined
  if (!bytes) throw new ParamInvalid(parameter, 'not base64')
  return bytes
}

/** So many keys were removed in a row that looking for the next would hold up everybody. */
class TooSparse extends Error {
  constructor() {
    super('too many removed keys in a row')
  }
}
