/** What the streams hold at any version: values by key and in order both ways, and who may do what. Spec: kv §2, §4. */
import { bytesToUint } from '@weightless/codec'
import { compareKeys, type SortedStore } from '@weightless/store'
import {
  afterPrefix,
  afterVersions,
  atVersion,
  changeKey,
  escapeKey,
  rowPrefix,
  type Table,
  unescapeKey,
  unpackBytes,
  versionOf,
} from './rowKeys.ts'
import { decodeValueRef, sizeOfRef, type ValueRef } from './valueRef.ts'

export type StoredValue = { key: Uint8Array; version: bigint; ref: ValueRef }

export type StreamState = ReturnType<typeof createStreamState>

/** Every question is about the newest row whose version is at most the one given. Stream ids have 32 bytes, accounts 20. */
export function createStreamState(store: Pick<SortedStore, 'get' | 'range'>) {
  const newest = (prefix: Uint8Array, version: bigint) =>
    store.range({ start: atVersion(prefix, version), end: afterVersions(prefix), under: prefix, limit: 1 })[0]
  const isSet = (version: bigint, table: Table, ...parts: Uint8Array[]): boolean =>
    newest(rowPrefix(table, ...parts), version)?.value[0] === 1

  const isNewStream = (streamId: Uint8Array, version: bigint): boolean =>
    newest(rowPrefix('stream', streamId), version) === undefined
  const isAdmin = (account: Uint8Array, streamId: Uint8Array, version: bigint): boolean =>
    isSet(version, 'admin', streamId, account)
  const isWriterOfStream = (account: Uint8Array, streamId: Uint8Array, version: bigint): boolean =>
    isSet(version, 'writer', streamId, account)
  const isSpecialKey = (streamId: Uint8Array, key: Uint8Array, version: bigint): boolean =>
    isSet(version, 'specialKey', streamId, escapeKey(key))
  const isWriterOfKey = (account: Uint8Array, streamId: Uint8Array, key: Uint8Array, version: bigint): boolean =>
    isSet(version, 'keyWriter', streamId, account, escapeKey(key))

  /** Undefined when the key was never written; a removed key has a value of no bytes. */
  const find = (streamId: Uint8Array, key: Uint8Array, version: bigint): StoredValue | undefined => {
    const row = newest(rowPrefix('value', streamId, escapeKey(key)), version)
    return row && { key, version: versionOf(row.key), ref: decodeValueRef(row.value) }
  }

  return {
    isNewStream,
    isAdmin,
    isWriterOfStream,
    isSpecialKey,
    isWriterOfKey,
    find,

    /** Whether a transaction of this account could change anything in the stream. */
    canWriteSomething(account: Uint8Array, streamId: Uint8Array, version: bigint): boolean {
      if (isNewStream(streamId, version) || isAdmin(account, streamId, version)) return true
      return isWriterOfStream(account, streamId, version) || hasKeyRole(store, account, streamId, version)
    },

    hasWritePermission(account: Uint8Array, streamId: Uint8Array, key: Uint8Array, version: bigint): boolean {
      if (isNewStream(streamId, version) || isAdmin(account, streamId, version)) return true
      return isSpecialKey(streamId, key, version)
        ? isWriterOfKey(account, streamId, key, version)
        : isWriterOfStream(account, streamId, version)
    },

    /**
     * Walks over the keys of a stream that have a value, in either direction. Gives undefined for each key passed over because
     * it is removed or newer than `version`, so that the caller can yield; ends after the last.
     */
    *walk(streamId: Uint8Array, walk: Walk): Generator<StoredValue | undefined> {
      const { version, reverse = false, from, inclusive = true, prefix = none } = walk
      const stream = rowPrefix('value', streamId)
      const whole = rowPrefix('value', streamId, escapeKey(prefix, false))
      let start = whole
      let end = afterPrefix(whole)
      if (from) {
        const rows = rowPrefix('value', streamId, escapeKey(from))
        const bound = inclusive === reverse ? afterVersions(rows) : rows
        if (reverse) end = smaller(end, bound)
        else start = larger(start, bound)
      }
      for (;;) {
        const row = store.range({ start, end, limit: 1, reverse })[0]
        if (!row) return
        const key = unescapeKey(row.key, stream.length)
        const value = find(streamId, key, version)
        yield value && sizeOfRef(value.ref) > 0 ? value : undefined
        const rows = rowPrefix('value', streamId, escapeKey(key))
        if (reverse) end = rows
        else start = afterVersions(rows)
      }
    },

    /** What transactions from `fromSeq` on wrote in a stream, oldest first. */
    changes(streamId: Uint8Array, fromSeq: bigint, limit: number): { seq: bigint; keys: Uint8Array[] }[] {
      const end = afterPrefix(rowPrefix('change', streamId))
      return store.range({ start: changeKey(streamId, fromSeq), end, limit }).map(({ key, value }) => ({
        seq: bytesToUint(key.subarray(33)),
        keys: unpackBytes(value),
      }))
    },

    /** Streams that exist, ascending, after one of them. */
    streams(after: Uint8Array | undefined, limit: number): Uint8Array[] {
      const found: Uint8Array[] = []
      let start = after ? afterPrefix(rowPrefix('stream', after)) : rowPrefix('stream')
      while (found.length < limit) {
        const row = store.range({ start, end: afterPrefix(rowPrefix('stream')), limit: 1 })[0]
        if (!row) break
        const streamId = row.key.slice(1, 33)
        found.push(streamId)
        start = afterPrefix(rowPrefix('stream', streamId))
      }
      return found
    },
  }
}

export type Walk = {
  version: bigint
  reverse?: boolean
  /** Where to begin; at the edge without it. */
  from?: Uint8Array
  /** Whether `from` itself counts; default true. */
  inclusive?: boolean
  /** Only keys that begin so. */
  prefix?: Uint8Array
}

/** Whether any key of the stream has this account as its writer: looks at a bounded number of its keys. */
function hasKeyRole(
  store: Pick<SortedStore, 'range'>,
  account: Uint8Array,
  streamId: Uint8Array,
  version: bigint,
): boolean {
  const prefix = rowPrefix('keyWriter', streamId, account)
  const end = afterPrefix(prefix)
  let start = prefix
  for (let looked = 0; looked < keyRolesMax; looked++) {
    const row = store.range({ start, end, limit: 1 })[0]
    if (!row) return false
    const rows = row.key.slice(0, row.key.length - 8)
    const now = store.range({ start: atVersion(rows, version), end: afterVersions(rows), limit: 1 })[0]
    if (now?.value[0] === 1) return true
    start = afterVersions(rows)
  }
  // So many keys were granted and taken back that looking on costs more than downloading the transaction.
  return true
}

const keyRolesMax = 1_000
const none = new Uint8Array(0)

function larger(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareKeys(a, b) < 0 ? b : a
}

function smaller(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareKeys(a, b) < 0 ? a : b
}
