/** Restores a checkpoint by its name alone, reading packs in parallel from whoever holds them, every chunk checked. Spec: checkpoint. */
import type { Blobs, OpenedBlob } from '@weightless/blobs'
import { bytesEqual, type Hex, WeightlessError } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { AbortedError } from '@weightless/env'
import type { KeyValueClient } from '@weightless/kv/client'
import { findCheckpointStream, type NamePlace, readName } from './checkpointNames.ts'
import type { ChunkPlace, Manifest, ManifestFile } from './manifest.ts'
import { readManifest } from './readManifest.ts'

/** Where a restored file goes. */
export type RestoreTarget = {
  /** Called once for each file, with what may be there from a restore that broke off. */
  open(path: string, sizeBytes: number): Promise<RestoreFile>
}

export type RestoreFile = {
  /** Up to `length` bytes that are there already; fewer or none where nothing was written. */
  read(offset: number, length: number): Promise<Uint8Array>
  write(offset: number, bytes: Uint8Array): Promise<void>
  /** All bytes are there. */
  close(): Promise<void>
}

export type RestoreOptions = NamePlace & {
  blobs: Pick<Blobs, 'get' | 'openBlob'>
  kv: KeyValueClient
  name: string
  /** Of an earlier save under this name; the newest by default. */
  version?: number
  target: RestoreTarget
  onProgress?: (progress: { doneBytes: number; totalBytes: number; fetchedBytes: number }) => void
}

export type RestoredCheckpoint = {
  root: Hex
  version: number
  savedMs: number
  files: number
  sizeBytes: number
  /** The rest was there already. */
  fetchedBytes: number
}

const parallelMax = 12
const spanBytesMax = 4 * 1024 * 1024
const openPacksMax = 64

/** @throws {CheckpointMissingError} {CheckpointMalformedError} {ChunkForgedError}, and those of `Blobs` */
export async function restoreCheckpoint(options: RestoreOptions): Promise<RestoredCheckpoint> {
  const { blobs, kv, name, target, version, signal, onProgress } = options
  const streamId = await findCheckpointStream(kv, options, false)
  const more = { ...(version === undefined ? {} : { version }), ...(signal && { signal }) }
  const named = streamId && (await readName(kv, streamId, name, more))
  if (!named) throw new CheckpointMissingError({ name, owner: options.owner })
  const manifest = await readManifest(blobs, named.root, signal)
  const totalBytes = manifest.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const totals = { doneBytes: 0, fetchedBytes: 0 }
  const openPack = createPackOpener(blobs, manifest, signal)
  const count = (doneBytes: number, fetchedBytes: number): void => {
    totals.doneBytes += doneBytes
    totals.fetchedBytes += fetchedBytes
    onProgress?.({ ...totals, totalBytes })
  }
  for (const file of manifest.files) await restoreFile(file, target, openPack, count, signal)
  const { savedMs, files } = manifest
  return {
    root: named.root,
    version: named.version,
    savedMs,
    files: files.length,
    sizeBytes: totalBytes,
    fetchedBytes: totals.fetchedBytes,
  }
}

type OpenPack = (pack: number) => Promise<OpenedBlob>
/** Chunks that stand one after another in one pack and in the file. */
type Span = { pack: number; offset: number; length: number; fileOffset: number; chunks: ChunkPlace[] }

async function restoreFile(
  { path, sizeBytes, chunks }: ManifestFile,
  target: RestoreTarget,
  openPack: OpenPack,
  count: (doneBytes: number, fetchedBytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const file = await target.open(path, sizeBytes)
  const spans = gatherSpans(chunks)
  let next = 0
  const work = async (): Promise<void> => {
    while (next < spans.length) {
      const span = spans[next++]!
      if (signal?.aborted) throw new AbortedError({ cause: signal.reason })
      const there = await file.read(span.fileOffset, span.length)
      if (there.length === span.length && findForged(span, there) === undefined) {
        count(span.length, 0)
        continue
      }
      const pack = await openPack(span.pack)
      const bytes = await pack.read(span.offset, span.length, signal)
      const forged = findForged(span, bytes)
      if (forged) throw new ChunkForgedError({ path, packRoot: pack.root, offset: forged.offset })
      await file.write(span.fileOffset, bytes)
      count(span.length, span.length)
    }
  }
  try {
    const workers = await Promise.allSettled(Array.from({ length: parallelMax }, work))
    for (const outcome of workers) if (outcome.status === 'rejected') throw outcome.reason
  } finally {
    await file.close()
  }
}

/** The first chunk that is not what its id says. */
function findForged({ chunks }: Span, bytes: Uint8Array): ChunkPlace | undefined {
  let at = 0
  for (const chunk of chunks) {
    if (!bytesEqual(sha256(bytes.subarray(at, at + chunk.length)), chunk.id)) return chunk
    at += chunk.length
  }
  return undefined
}

export function gatherSpans(chunks: readonly ChunkPlace[]): Span[] {
  const spans: Span[] = []
  let fileOffset = 0
  for (const chunk of chunks) {
    const last = spans.at(-1)
    const continues = last && last.pack === chunk.pack && last.offset + last.length === chunk.offset
    if (continues && last.length + chunk.length <= spanBytesMax) {
      last.chunks.push(chunk)
      last.length += chunk.length
    } else spans.push({ pack: chunk.pack, offset: chunk.offset, length: chunk.length, fileOffset, chunks: [chunk] })
    fileOffset += chunk.length
  }
  return spans
}

function createPackOpener(
  blobs: Pick<Blobs, 'openBlob'>,
  { packs }: Manifest,
  signal: AbortSignal | undefined,
): OpenPack {
  const open = new Map<number, Promise<OpenedBlob>>()
  return (pack) => {
    const held = open.get(pack)
    open.delete(pack)
    const opening = held ?? blobs.openBlob(packs[pack]!, signal ? { signal } : {})
    open.set(pack, opening)
    if (open.size > openPacksMax) open.delete(open.keys().next().value!)
    return opening
  }
}

export class CheckpointMissingError extends WeightlessError {
  constructor(facts: { name: string; owner: Hex }) {
    super('sdk/checkpoint-missing', 'This owner has no checkpoint of this name.', facts, {
      hint: 'List the checkpoints of the owner; a save of a moment ago may not be decided yet.',
    })
  }
}

export class ChunkForgedError extends WeightlessError {
  constructor(facts: { path: string; packRoot: Hex; offset: number }) {
    super('sdk/chunk-forged', 'A chunk is not what the manifest says.', facts, {
      hint: 'Whoever saved this checkpoint wrote a wrong manifest.',
    })
  }
}
