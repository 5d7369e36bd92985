/**
 * Key-value streams for applications, in Node and in browsers: read by key, by prefix and as they change; write with
 * conditions, and learn for certain what became of it. Spec: kv §6.
 */
import { type Hex, hexToBytes, textToBytes, type Verdict, WeightlessError } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { Control, ControlKind } from '../wire/index.ts'
import { base64ToBytes, bytesToBase64 } from './base64.ts'
import { type CallKeyValue, createCaller } from './callKeyValue.ts'
import { type CallOptions, type Entry, readEntry, type Segment } from './readEntry.ts'
import { type Change, watchStream } from './watchStream.ts'
import { type Committed, type TaggedStore, type WriteFault, writeTransaction } from './writeTransaction.ts'

export type KeyValueClientOptions = {
  /** Of a key-value node, `http://…:6789`. */
  kvUrl: string
  env: Pick<Env, 'network' | 'clock' | 'random'>
  /** Needed to write: `createBlobs` with a ledger that pays. */
  blobs?: TaggedStore
  /** Longest silence of one request; default 15,000. */
  timeoutMs?: number
  /** Longest wait for the decision on a transaction that is stored; default 120,000. */
  decisionMs?: number
}

/** Text stands for its UTF-8. */
export type Bytes = Uint8Array | string

/** One change of any number of streams, all or nothing. */
export type Batch = {
  /** An empty value removes the key. */
  writes?: readonly { streamId: Hex; key: Bytes; value: Bytes }[]
  /** What the writer relied on; conflicts are looked for here and at every key written. */
  reads?: readonly { streamId: Hex; key: Bytes }[]
  controls?: readonly { kind: ControlKind; streamId: Hex; key?: Bytes; account?: Hex }[]
  /** The newest version that the writer had seen; without it nothing conflicts. */
  ifVersion?: number
}

export type KeyValueClient = {
  /** Undefined when the key has no value. @throws {KeyValueRefusedError} {NetworkError} */
  get(streamId: Hex, key: Bytes, options?: CallOptions): Promise<Entry | undefined>
  /** Entries in key order, page by page. */
  scan(
    streamId: Hex,
    options?: CallOptions & { prefix?: Bytes; reverse?: boolean; pageSize?: number },
  ): AsyncGenerator<Entry>
  /** What changes, oldest first, from a version on, until `signal` aborts; connects again by itself. */
  watch(streamId: Hex, options: { prefix?: Bytes; fromVersion?: number; signal: AbortSignal }): AsyncGenerator<Change>
  /** @throws {KeyValueReadOnlyError} {DecisionOverdueError}, and those of `Blobs.put` */
  put(streamId: Hex, key: Bytes, value: Bytes, options?: WriteOptions): Promise<Verdict<Committed, WriteFault>>
  remove(streamId: Hex, key: Bytes, options?: WriteOptions): Promise<Verdict<Committed, WriteFault>>
  batch(batch: Batch, signal?: AbortSignal): Promise<Verdict<Committed, WriteFault>>
  roles(streamId: Hex, account: Hex, options?: CallOptions): Promise<{ isAdmin: boolean; isWriter: boolean }>
  /** Whether the account may write the key. */
  mayWrite(streamId: Hex, key: Bytes, account: Hex, options?: CallOptions): Promise<boolean>
}

export type WriteOptions = { ifVersion?: number; signal?: AbortSignal }

export function createKeyValueClient(options: KeyValueClientOptions): KeyValueClient {
  const { kvUrl, env, blobs, timeoutMs = 15_000, decisionMs = 120_000 } = options
  const call = createCaller(env.network, kvUrl, timeoutMs)

  const batch: KeyValueClient['batch'] = async ({ writes = [], reads = [], controls = [], ifVersion }, signal) => {
    if (!blobs) throw new KeyValueReadOnlyError()
    const transaction = {
      version: ifVersion === undefined ? 2n ** 64n - 1n : BigInt(ifVersion),
      reads: reads.map(({ streamId, key }) => ({ streamId: hexToBytes(streamId), key: toBytes(key) })),
      writes: writes.map(({ streamId, key, value }) => ({
        streamId: hexToBytes(streamId),
        key: toBytes(key),
        value: toBytes(value),
      })),
      controls: controls.map(toControl),
    }
    return writeTransaction({ env, call, blobs, decisionMs }, transaction, signal)
  }
  const put: KeyValueClient['put'] = (streamId, key, value, { ifVersion, signal } = {}) =>
    batch({ writes: [{ streamId, key, value }], ...(ifVersion === undefined ? {} : { ifVersion }) }, signal)

  return {
    get: (streamId, key, more) => readEntry(call, streamId, toBytes(key), more),
    scan: (streamId, more) => scan(call, streamId, more),
    watch: (streamId, { prefix = '', fromVersion = 0, signal }) =>
      watchStream({ env, kvUrl, call }, { streamId, prefix: toBytes(prefix), fromVersion }, signal),
    put,
    remove: (streamId, key, more) => put(streamId, key, '', more),
    batch,
    async roles(streamId, account, { version, signal } = {}) {
      const [isAdmin, isWriter] = await Promise.all([
        call<boolean>('kv_isAdmin', [account, streamId, version], signal),
        call<boolean>('kv_isWriterOfStream', [account, streamId, version], signal),
      ])
      return { isAdmin, isWriter }
    },
    mayWrite: (streamId, key, account, { version, signal } = {}) =>
      call('kv_hasWritePermission', [account, streamId, bytesToBase64(toBytes(key)), version], signal),
  }
}

async function* scan(
  call: CallKeyValue,
  streamId: Hex,
  options: CallOptions & { prefix?: Bytes; reverse?: boolean; pageSize?: number } = {},
): AsyncGenerator<Entry> {
  const { prefix, reverse = false, pageSize = 100, version, signal } = options
  let after: string | undefined
  do {
    const ask = {
      reverse,
      limit: pageSize,
      ...(prefix === undefined ? {} : { prefix: bytesToBase64(toBytes(prefix)) }),
      ...(after === undefined ? {} : { after }),
      ...(version === undefined ? {} : { version }),
    }
    const page = await call<{ items: Segment[]; cursor: string | null }>('kv_scan', [streamId, ask], signal)
    for (const item of page.items) {
      const key = base64ToBytes(item.key!)
      const value = base64ToBytes(item.data)
      if (value.length === item.size) yield { key, value, version: item.version }
      else {
        const entry = await readEntry(call, streamId, key, { version: item.version, ...(signal && { signal }) })
        if (entry) yield entry
      }
    }
    after = page.cursor ?? undefined
  } while (after !== undefined)
}

function toControl({ kind, streamId, key, account }: NonNullable<Batch['controls']>[number]): Control {
  return {
    kind,
    streamId: hexToBytes(streamId),
    ...(key === undefined ? {} : { key: toBytes(key) }),
    ...(account === undefined ? {} : { account: hexToBytes(account) }),
  }
}

function toBytes(value: Bytes): Uint8Array {
  return typeof value === 'string' ? textToBytes(value) : value
}

export class KeyValueReadOnlyError extends WeightlessError {
  constructor() {
    super(
      'kv/read-only',
      'This client cannot write.',
      {},
      { hint: 'Give createKeyValueClient blobs with a ledger that pays.' },
    )
  }
}
