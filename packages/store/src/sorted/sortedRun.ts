/**
 * An immutable file of sorted entries: `WLRN` u32 version, blocks (CRC-32 u32 | length u32 | body), the index of blocks in a
 * frame of the same kind, the filter of prefixes in another, and a footer of 24 bytes: where the index stands f64 | entries f64 | CRC-32 of both u32 | `WLRN`.
 */
import { bytesEqual, concatBytes, crc32, textToBytes } from '@weightless/codec'
import type { Disk, File } from '@weightless/env'
import { isPlanted } from '../plantedBugs.ts'
import { LogCorruptError } from '../scanSegment.ts'
import { type BlockCache, createBlockCache } from './blockCache.ts'
import { createFilterBuilder, openFilter, type PrefixFilter } from './prefixFilter.ts'
import { encodeBlock, entryAt, entryBytes, lowerBoundIn, openBlock, type RunBlock } from './runBlock.ts'
import { type Cursor, compareKeys, type SortedEntry } from './sortedEntry.ts'

export type SortedRun = {
  runNumber: number
  sizeBytes: number
  entryCount: number
  find(key: Uint8Array): SortedEntry | undefined
  /** False when no key here is one of these with `filterTailBytes` more bytes. */
  mayHold(prefix: Uint8Array): boolean
  /** As `MemoryTable.cursor`. @throws {LogCorruptError} a block no longer matches its checksum */
  cursor(key: Uint8Array | undefined, reverse: boolean): Cursor
  /** From the first entry on, past the cache: for merging. */
  scan(): Cursor
  close(): Promise<void>
}

type IndexEntry = { firstKey: Uint8Array; offset: number; length: number }

/** Writes a run from entries in order and makes it durable; the folder is not flushed yet. */
export async function writeRun(
  disk: Disk,
  path: string,
  entries: Iterable<SortedEntry>,
  filterTailBytes: number,
): Promise<number> {
  const file = await disk.open(path, 'create')
  try {
    await file.truncate(0)
    const index: IndexEntry[] = []
    const filter = createFilterBuilder()
    let [offset, entryCount, waitingBytes] = [0, 0, 0]
    let waiting: Uint8Array[] = []
    const put = (bytes: Uint8Array): void => {
      waiting.push(bytes)
      waitingBytes += bytes.length
    }
    const flush = async (): Promise<void> => {
      if (waitingBytes === 0) return
      await file.write(offset, concatBytes(waiting))
      offset += waitingBytes
      waiting = []
      waitingBytes = 0
    }
    put(concatBytes([magic, version]))
    for (const block of groupBlocks(entries)) {
      entryCount += block.length
      if (filterTailBytes > 0) for (const { key } of block) filter.add(key.subarray(0, -filterTailBytes))
      const framed = frame(encodeBlock(block))
      index.push({ firstKey: block[0]!.key.slice(), offset: offset + waitingBytes, length: framed.length })
      put(framed)
      // Small enough that readers wait no longer than for a large answer.
      if (waitingBytes >= writeBytes) await flush()
    }
    const indexOffset = offset + waitingBytes
    put(frame(encodeIndex(index)))
    put(frame(filter.build()))
    put(encodeFooter(indexOffset, entryCount))
    await flush()
    if (!isPlanted('skip-fsync')) await file.sync()
    return offset
  } finally {
    await file.close()
  }
}

function* groupBlocks(entries: Iterable<SortedEntry>): Generator<SortedEntry[]> {
  let block: SortedEntry[] = []
  let bytes = 0
  for (const entry of entries) {
    block.push(entry)
    bytes += entryBytes(entry)
    if (bytes < blockBytes) continue
    yield block
    block = []
    bytes = 0
  }
  if (block.length > 0) yield block
}

/** @throws {LogCorruptError} */
export async function openRun(disk: Disk, path: string, runNumber: number, cache: BlockCache): Promise<SortedRun> {
  const file = await disk.open(path, 'read')
  try {
    const sizeBytes = await file.size()
    const footer = await file.read(Math.max(0, sizeBytes - footerBytes), footerBytes)
    const view = new DataView(footer.buffer, footer.byteOffset, footer.length)
    if (footer.length < footerBytes || !bytesEqual(footer.subarray(20), magic))
      throw corrupt(path, 'the run is cut short')
    if (crc32(footer.subarray(0, 16)) !== view.getUint32(16, true)) throw corrupt(path, 'the footer is not intact')
    const indexOffset = view.getFloat64(0, true)
    const tail = await file.read(indexOffset, sizeBytes - footerBytes - indexOffset)
    const indexBytes = unframe(tail, path)
    const filter = openFilter(unframe(tail.subarray(frameHeadBytes + indexBytes.length), path).slice())
    const entryCount = view.getFloat64(8, true)
    return createReader(file, { path, runNumber, sizeBytes, entryCount, index: decodeIndex(indexBytes), filter, cache })
  } catch (error) {
    await file.close()
    throw error
  }
}

type RunParts = {
  path: string
  runNumber: number
  sizeBytes: number
  entryCount: number
  index: readonly IndexEntry[]
  filter: PrefixFilter
  cache: BlockCache
}

type ReadBlock = (at: number) => RunBlock

function createReader(file: File, parts: RunParts): SortedRun {
  const { path, runNumber, sizeBytes, entryCount, index, cache } = parts
  const read: ReadBlock = (at) => openBlock(unframe(file.readSync(index[at]!.offset, index[at]!.length), path))
  const block: ReadBlock = (at) => cache.take(runNumber, at, () => read(at))
  return {
    runNumber,
    sizeBytes,
    entryCount,
    find(key) {
      if (index.length === 0) return undefined
      const found = block(blockOf(index, key))
      const at = lowerBoundIn(found, key)
      if (at >= found.count) return undefined
      const entry = entryAt(found, at)
      return compareKeys(entry.key, key) === 0 ? entry : undefined
    },
    mayHold: (prefix) => parts.filter.mayHold(prefix),
    cursor: (key, reverse) => createCursor(block, index, key, reverse),
    scan() {
      const last = createBlockCache(0)
      return createCursor((at) => last.take(0, at, () => read(at)), index, undefined, false)
    },
    close: () => file.close(),
  }
}

/** The last block whose first key is <= `key`, or 0. */
function blockOf(index: readonly IndexEntry[], key: Uint8Array): number {
  let low = 0
  let high = index.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareKeys(index[middle]!.firstKey, key) <= 0) low = middle + 1
    else high = middle
  }
  return Math.max(0, low - 1)
}

function createCursor(
  block: ReadBlock,
  index: readonly IndexEntry[],
  key: Uint8Array | undefined,
  reverse: boolean,
): Cursor {
  if (index.length === 0) return { entry: undefined, move: () => undefined }
  let at = key === undefined ? (reverse ? index.length - 1 : 0) : blockOf(index, key)
  const bound = key === undefined ? (reverse ? block(at).count : 0) : lowerBoundIn(block(at), key)
  let place = reverse ? bound - 1 : bound
  const settle = (): SortedEntry | undefined => {
    if (!reverse && place >= block(at).count) {
      if (at + 1 >= index.length) return undefined
      ;[at, place] = [at + 1, 0]
    }
    if (reverse && place < 0) {
      if (at === 0) return undefined
      at--
      place = block(at).count - 1
    }
    return entryAt(block(at), place)
  }
  const cursor: Cursor = {
    entry: settle(),
    move() {
      place += reverse ? -1 : 1
      cursor.entry = settle()
    },
  }
  return cursor
}

function frame(body: Uint8Array): Uint8Array {
  const framed = new Uint8Array(frameHeadBytes + body.length)
  const view = new DataView(framed.buffer)
  view.setUint32(0, crc32(body), true)
  view.setUint32(4, body.length, true)
  framed.set(body, frameHeadBytes)
  return framed
}

function unframe(framed: Uint8Array, path: string): Uint8Array {
  if (framed.length < frameHeadBytes) throw corrupt(path, 'a block is cut short')
  const view = new DataView(framed.buffer, framed.byteOffset, framed.length)
  const body = framed.subarray(frameHeadBytes, frameHeadBytes + view.getUint32(4, true))
  if (crc32(body) !== view.getUint32(0, true)) throw corrupt(path, 'a block does not match its checksum')
  return body
}

function encodeIndex(index: readonly IndexEntry[]): Uint8Array {
  const bytes = new Uint8Array(index.reduce((sum, { firstKey }) => sum + 16 + firstKey.length, 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const { firstKey, offset, length } of index) {
    view.setFloat64(at, offset, true)
    view.setUint32(at + 8, length, true)
    view.setUint32(at + 12, firstKey.length, true)
    bytes.set(firstKey, at + 16)
    at += 16 + firstKey.length
  }
  return bytes
}

function decodeIndex(bytes: Uint8Array): IndexEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const index: IndexEntry[] = []
  for (let at = 0; at < bytes.length; ) {
    const keyEnd = at + 16 + view.getUint32(at + 12, true)
    const firstKey = bytes.slice(at + 16, keyEnd)
    index.push({ firstKey, offset: view.getFloat64(at, true), length: view.getUint32(at + 8, true) })
    at = keyEnd
  }
  return index
}

function encodeFooter(indexOffset: number, entryCount: number): Uint8Array {
  const footer = new Uint8Array(footerBytes)
  const view = new DataView(footer.buffer)
  view.setFloat64(0, indexOffset, true)
  view.setFloat64(8, entryCount, true)
  view.setUint32(16, crc32(footer.subarray(0, 16)), true)
  footer.set(magic, 20)
  return footer
}

function corrupt(path: string, reason: string): LogCorruptError {
  return new LogCorruptError({ path, offset: 0, reason })
}

const magic = textToBytes('WLRN')
const version = new Uint8Array([1, 0, 0, 0])
const footerBytes = 24
const frameHeadBytes = 8
const blockBytes = 4 * 1024
const writeBytes = 128 * 1024
