/**
 * Content by hash: 32-byte key to bytes, for trie nodes and codes. Each commit is one record of a segment log, so it is there
 * whole or not at all; opening reads every byte and looks at its checksum; `get` is synchronous, for execution in the middle.
 *
 * A commit's record: meta length u32 | entry count u32 | meta | entries, each key (32) | value length u32 | value.
 */
import { WeightlessError } from '@weightless/codec'
import type { Disk, Log } from '@weightless/env'
import { createNodeIndex } from './nodeIndex.ts'
import { createRecentBytes } from './recentBytes.ts'
import { recordHeaderBytes } from './recordFrame.ts'
import { openSegmentLog } from './segmentLog.ts'

export type NodeEntry = { key: Uint8Array; value: Uint8Array }

export type NodeStore = {
  /** Undefined when the key was never committed. The bytes are the store's own: read only. */
  get(key: Uint8Array): Uint8Array | undefined
  has(key: Uint8Array): boolean
  /**
   * Adds the entries and replaces `meta`, atomically; durable when it resolves. Keys are hashes of their values: an entry whose
   * key is there already is skipped. Readable, and `meta` new, from then on. @throws {LogFailedError} @throws {NodeKeyInvalidError}
   */
  commit(entries: readonly NodeEntry[], meta: Uint8Array): Promise<void>
  /** That of the last commit; undefined before the first. */
  meta(): Uint8Array | undefined
  size(): number
  sizeBytes(): number
  close(): Promise<void>
}

export type NodeStoreOptions = {
  log?: Log
  /** Bytes of the newest commits kept in memory; 64 MiB by default. */
  recentBytesMax?: number
  segmentBytesMax?: number
}

/** @throws {LogCorruptError} any byte of an acknowledged commit has changed */
export async function openNodeStore(disk: Disk, folder: string, options: NodeStoreOptions = {}): Promise<NodeStore> {
  const { log, recentBytesMax = 64 * 1024 * 1024, segmentBytesMax = 512 * 1024 * 1024 } = options
  const index = createNodeIndex(65_536)
  const recent = createRecentBytes(recentBytesMax)
  let meta: Uint8Array | undefined

  /** Puts the entries of one record into the index; a commit holds new keys only. */
  const take = (position: number, payload: Uint8Array): void => {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
    const metaEnd = headBytes + view.getUint32(0, true)
    meta = payload.slice(headBytes, metaEnd)
    recent.add(position + recordHeaderBytes, payload)
    for (let at = metaEnd; at < payload.length; ) {
      const valueLength = view.getUint32(at + keyBytes, true)
      index.add(payload.subarray(at, at + keyBytes), position + recordHeaderBytes + at, valueLength)
      at += entryHeadBytes + valueLength
    }
  }

  const segments = await openSegmentLog(disk, folder, { ...(log && { log }), segmentBytesMax, onRecord: take })

  /** Key, length and value as they stand in the log. */
  const readEntry = (place: number, valueLength: number): Uint8Array =>
    recent.get(place, entryHeadBytes + valueLength) ?? segments.readRawSync(place, entryHeadBytes + valueLength)

  const find = (key: Uint8Array): Uint8Array | undefined => {
    let found: Uint8Array | undefined
    index.find(key, (place, valueLength) => {
      const entry = readEntry(place, valueLength)
      if (!startsWith(entry, key)) return false
      found = entry.subarray(entryHeadBytes)
      return true
    })
    return found
  }

  let order: Promise<unknown> = Promise.resolve()
  return {
    get: find,
    has: (key) => find(key) !== undefined,
    commit: (entries, newMeta) => {
      const done = order.then(async () => {
        const payload = encodeCommit(selectNew(entries, find), newMeta)
        const [position] = await segments.append([payload])
        await segments.sync()
        take(position!, payload)
      })
      order = done.catch(() => undefined)
      return done
    },
    meta: () => meta,
    size: () => index.size(),
    sizeBytes: () => segments.sizeBytes(),
    close: async () => {
      await order
      await segments.close()
    },
  }
}

/** Those that are not there yet, each once. */
function selectNew(entries: readonly NodeEntry[], find: (key: Uint8Array) => unknown): NodeEntry[] {
  const chosen = createNodeIndex(entries.length)
  const fresh: NodeEntry[] = []
  for (const entry of entries) {
    if (entry.key.length !== keyBytes) throw new NodeKeyInvalidError({ keyLength: entry.key.length })
    if (find(entry.key) !== undefined) continue
    // Position 0 means an empty slot, so places in `fresh` are counted from 1.
    if (chosen.find(entry.key, (place) => startsWith(fresh[place - 1]!.key, entry.key))) continue
    fresh.push(entry)
    chosen.add(entry.key, fresh.length, 0)
  }
  return fresh
}

function encodeCommit(entries: readonly NodeEntry[], meta: Uint8Array): Uint8Array {
  const length = entries.reduce((sum, { value }) => sum + entryHeadBytes + value.length, headBytes + meta.length)
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, meta.length, true)
  view.setUint32(4, entries.length, true)
  bytes.set(meta, headBytes)
  let at = headBytes + meta.length
  for (const { key, value } of entries) {
    bytes.set(key, at)
    view.setUint32(at + keyBytes, value.length, true)
    bytes.set(value, at + entryHeadBytes)
    at += entryHeadBytes + value.length
  }
  return bytes
}

function startsWith(bytes: Uint8Array, key: Uint8Array): boolean {
  for (let at = 0; at < keyBytes; at++) if (bytes[at] !== key[at]) return false
  return true
}

const keyBytes = 32
const headBytes = 8
const entryHeadBytes = keyBytes + 4

export class NodeKeyInvalidError extends WeightlessError {
  constructor(facts: { keyLength: number }) {
    super('store/node-key-invalid', 'A key of the node store is 32 bytes long.', facts)
  }
}
