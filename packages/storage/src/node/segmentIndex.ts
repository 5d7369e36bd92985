/** Where each segment of each file lies in the log: in memory, 8 bytes a segment, and in the key-value map, in pages. Spec: storage §5. */

import { bytesToText, textToBytes } from '@weightless/codec'
import { powerOfTwoFrom } from '@weightless/crypto'
import type { KeyValue } from '@weightless/store'

export type SegmentIndex = {
  position(fileKey: string, index: number): number | undefined
  put(fileKey: string, index: number, position: number): void
  /** Takes a segment out again: it cannot be read. */
  remove(fileKey: string, index: number): void
  /** Takes a whole file out, and tells where its segments lay. */
  removeFile(fileKey: string): number[]
  /** All positions that segments have. */
  positions(): Iterable<number>
  count(fileKey: string): number
  contiguous(fileKey: string): number
  /** Records before it are in the stored index. */
  checkpoint(): number
  /** Writes the changes soon; everything up to `checkpoint` is among them. */
  flushLater(checkpoint: number): void
  /** Waits for writes that have been asked for. @throws what the last of them threw */
  flush(): Promise<void>
}

/**
 * Positions in pages, so that memory follows the segments that are here, not the greatest index that somebody named.
 * 0 means that a segment is not here; no record begins at 0.
 */
type FileEntry = { pages: Map<number, Float64Array>; count: number; contiguous: number }

const pageSegments = 256
const checkpointKey = 'segment/checkpoint'
const pagePrefix = 'segment/page/'

export function openSegmentIndex(keyValue: KeyValue): SegmentIndex {
  const files = new Map<string, FileEntry>()
  const dirty = new Map<string, { fileKey: string; page: number }>()
  const markDirty = (fileKey: string, page: number) => dirty.set(`${fileKey}/${page}`, { fileKey, page })
  const stored = keyValue.get(checkpointKey)
  let checkpoint = stored ? Number(bytesToText(stored)) : 0
  let flushing: Promise<void> = Promise.resolve()
  let scheduled = false

  for (const { key, value } of keyValue.range(pagePrefix, `${pagePrefix}~`)) {
    const [fileKey, page] = key.slice(pagePrefix.length).split('/')
    const positions = new Float64Array(value.slice().buffer)
    for (const [i, position] of positions.entries()) {
      if (position > 0) place(files, fileKey!, Number(page) * pageSegments + i, position)
    }
  }

  async function write(): Promise<void> {
    scheduled = false
    const pages = [...dirty.values()]
    dirty.clear()
    const changes = pages.map(({ fileKey, page }) => ({
      key: `${pagePrefix}${fileKey}/${String(page).padStart(10, '0')}`,
      value: pageOf(files.get(fileKey), page),
    }))
    try {
      await keyValue.batch([...changes, { key: checkpointKey, value: textToBytes(String(checkpoint)) }])
    } catch (fault) {
      for (const entry of pages) dirty.set(`${entry.fileKey}/${entry.page}`, entry)
      throw fault
    }
  }

  return {
    position: (fileKey, index) => lookUp(files.get(fileKey), index) || undefined,
    put(fileKey, index, position) {
      place(files, fileKey, index, position)
      markDirty(fileKey, Math.floor(index / pageSegments))
    },
    remove(fileKey, index) {
      const entry = files.get(fileKey)
      if (!entry || lookUp(entry, index) === 0) return
      const page = Math.floor(index / pageSegments)
      entry.pages.get(page)![index % pageSegments] = 0
      entry.count--
      entry.contiguous = Math.min(entry.contiguous, index)
      markDirty(fileKey, page)
    },
    removeFile(fileKey) {
      const entry = files.get(fileKey)
      files.delete(fileKey)
      for (const page of entry?.pages.keys() ?? []) markDirty(fileKey, page)
      return [...(entry?.pages.values() ?? [])].flatMap((page) => [...page].filter((position) => position > 0))
    },
    *positions() {
      for (const { pages } of files.values())
        for (const page of pages.values()) for (const position of page) if (position > 0) yield position
    },
    count: (fileKey) => files.get(fileKey)?.count ?? 0,
    contiguous: (fileKey) => files.get(fileKey)?.contiguous ?? 0,
    checkpoint: () => checkpoint,
    flushLater(next) {
      checkpoint = next
      if (scheduled) return
      scheduled = true
      flushing = flushing.then(write, write)
      flushing.catch(() => undefined)
    },
    flush: () => flushing,
  }
}

function lookUp(entry: FileEntry | undefined, index: number): number {
  return entry?.pages.get(Math.floor(index / pageSegments))?.[index % pageSegments] ?? 0
}

function place(files: Map<string, FileEntry>, fileKey: string, index: number, position: number): void {
  const entry = files.get(fileKey) ?? { pages: new Map(), count: 0, contiguous: 0 }
  files.set(fileKey, entry)
  if (lookUp(entry, index) === 0) entry.count++
  const page = Math.floor(index / pageSegments)
  const at = index % pageSegments
  let positions = entry.pages.get(page) ?? new Float64Array(1)
  if (at >= positions.length) {
    const grown = new Float64Array(powerOfTwoFrom(at + 1))
    grown.set(positions)
    positions = grown
  }
  positions[at] = position
  entry.pages.set(page, positions)
  while (lookUp(entry, entry.contiguous) > 0) entry.contiguous++
}

/** Undefined for a page of a file that was taken out. */
function pageOf(entry: FileEntry | undefined, page: number): Uint8Array | undefined {
  const positions = entry?.pages.get(page)
  return positions && new Uint8Array(positions.slice().buffer)
}
