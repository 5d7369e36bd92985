/** Saves the files of a model under a name: only chunks that the last checkpoint does not have are uploaded. Spec: checkpoint. */
import type { BlobProgress, BlobSource, Blobs } from '@weightless/blobs'
import { bytesToHex, concatBytes, type Hex, WeightlessError } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { AbortedError, type Clock } from '@weightless/env'
import type { KeyValueClient } from '@weightless/kv/client'
import { checkpointKey, encodeEntry, findCheckpointStream, type NamePlace, readName } from './checkpointNames.ts'
import {
  type ChunkPlace,
  chunksById,
  encodeManifest,
  isSafePath,
  type Manifest,
  type ManifestFile,
} from './manifest.ts'
import { readManifest } from './readManifest.ts'
import { splitChunks } from './splitChunks.ts'

export type CheckpointFile = { path: string; source: BlobSource }

export type SaveOptions = NamePlace & {
  blobs: Pick<Blobs, 'putMany' | 'put' | 'get'>
  kv: KeyValueClient
  clock: Clock
  name: string
  /** Relative paths with `/`. */
  files: readonly CheckpointFile[]
  onProgress?: (progress: SaveProgress) => void
}

/** Bytes: read and looked at; of new chunks; of these, uploaded so far. `doneBytes - newBytes + uploadedBytes` are settled. */
export type SaveProgress = { doneBytes: number; totalBytes: number; newBytes: number; uploadedBytes: number }

export type SavedCheckpoint = {
  name: string
  root: Hex
  /** Of the name in its stream: restores this very checkpoint later. */
  version: number
  streamId: Hex
  sizeBytes: number
  chunks: number
  /** What the last checkpoint did not have. */
  newChunks: number
  newBytes: number
  /** Packs and manifest; what was there already from a save that broke off counts too. */
  uploadedBytes: number
  feeWei: bigint
}

const packBytes = 8 * 1024 * 1024
/** Packs paid in one transaction, and held in memory. */
const packsAtOnce = 8

/**
 * Broken off, the same call goes on: the same bytes make the same packs, which are not paid or sent again.
 * @throws {CheckpointConflictError} somebody saved under this name meanwhile {CheckpointRefusedError} {CheckpointPathError}
 */
export async function saveCheckpoint(options: SaveOptions): Promise<SavedCheckpoint> {
  const { blobs, kv, clock, name, files, owner, signal, onProgress } = options
  const key = checkpointKey(name)
  for (const { path } of files) if (!isSafePath(path)) throw new CheckpointPathError({ path })
  const streamId = (await findCheckpointStream(kv, options, true))!
  const more = signal ? { signal } : {}
  const before = await readName(kv, streamId, name, more)
  const previous = before && (await readManifest(blobs, before.root, signal))
  const totalBytes = files.reduce((sum, { source }) => sum + source.sizeBytes, 0)
  const packer = createPacker(blobs, previous, totalBytes, onProgress, signal)
  const listed: ManifestFile[] = []
  for (const { path, source } of files) {
    const chunks: ChunkPlace[] = []
    for await (const { bytes } of splitChunks(source)) {
      if (signal?.aborted) throw new AbortedError({ cause: signal.reason })
      chunks.push(await packer.add(bytes))
    }
    listed.push({ path, sizeBytes: source.sizeBytes, chunks })
  }
  const packed = await packer.finish()
  const savedMs = clock.nowMs()
  const manifest: Manifest = { name, savedMs, previousRoot: before?.root ?? null, packs: packed.packs, files: listed }
  const bytes = encodeManifest(manifest)
  const put = await blobs.put(bytes, more)
  const ifVersion = before?.version ?? 0
  const value = encodeEntry({ root: put.root, sizeBytes: totalBytes, savedMs })
  const written = await kv.put(streamId, key, value, { ifVersion, ...more })
  if (!written.ok) {
    if (written.code === 'conflict') throw new CheckpointConflictError({ name })
    throw new CheckpointRefusedError({ name, owner, reason: written.detail ?? written.code })
  }
  const { version, feeWei } = written.value
  const { newChunks, newBytes } = packed
  return {
    name,
    root: put.root,
    version,
    streamId,
    sizeBytes: totalBytes,
    chunks: listed.reduce((sum, { chunks }) => sum + chunks.length, 0),
    newChunks,
    newBytes,
    uploadedBytes: newBytes + bytes.length,
    feeWei: packed.feeWei + put.feeWei + feeWei,
  }
}

type Packed = { packs: Hex[]; newChunks: number; newBytes: number; feeWei: bigint }

/** Gathers new chunks into packs, and packs into uploads. */
function createPacker(
  blobs: Pick<Blobs, 'putMany'>,
  previous: Manifest | undefined,
  totalBytes: number,
  onProgress: SaveOptions['onProgress'],
  signal: AbortSignal | undefined,
) {
  const known = previous ? chunksById(previous) : new Map<Hex, { packRoot: Hex; offset: number; length: number }>()
  /** By root where it is known, else by number of the new pack. */
  const packOf = new Map<Hex | number, number>()
  const packs: (Hex | undefined)[] = []
  const fresh = new Map<Hex, ChunkPlace>()
  const totals = { doneBytes: 0, newChunks: 0, newBytes: 0, uploadedBytes: 0, feeWei: 0n }
  let waiting: { index: number; bytes: Uint8Array }[] = []
  let parts: Uint8Array[] = []
  let filledBytes = 0

  const packIndex = (name: Hex | number, root?: Hex): number => {
    const index = packOf.get(name) ?? packs.push(root) - 1
    packOf.set(name, index)
    return index
  }
  const report = (): void => {
    const { doneBytes, newBytes, uploadedBytes } = totals
    onProgress?.({ doneBytes, totalBytes, newBytes, uploadedBytes })
  }
  const upload = async (): Promise<void> => {
    if (waiting.length === 0) return
    const contents = waiting.map(({ bytes }) => bytes)
    const beforeBytes = totals.uploadedBytes
    const onProgress = ({ phase, doneBytes }: BlobProgress): void => {
      if (phase !== 'uploading') return
      totals.uploadedBytes = beforeBytes + doneBytes
      report()
    }
    const stored = await blobs.putMany(contents, { onProgress, ...(signal && { signal }) })
    for (const [at, { root, feeWei }] of stored.entries()) {
      packs[waiting[at]!.index] = root
      totals.feeWei += feeWei
    }
    waiting = []
  }
  const closePack = async (): Promise<void> => {
    if (filledBytes === 0) return
    waiting.push({ index: packIndex(totals.newBytes - filledBytes), bytes: concatBytes(parts) })
    parts = []
    filledBytes = 0
    if (waiting.length >= packsAtOnce) await upload()
  }

  const place = async (bytes: Uint8Array): Promise<ChunkPlace> => {
    const id = sha256(bytes)
    const name = bytesToHex(id)
    const there = known.get(name)
    if (there)
      return { id, pack: packIndex(there.packRoot, there.packRoot), offset: there.offset, length: there.length }
    const again = fresh.get(name)
    if (again) return again
    if (filledBytes + bytes.length > packBytes) await closePack()
    // A new pack is named by how many new bytes came before it.
    const placed = { id, pack: packIndex(totals.newBytes - filledBytes), offset: filledBytes, length: bytes.length }
    fresh.set(name, placed)
    parts.push(bytes.slice())
    filledBytes += bytes.length
    totals.newChunks++
    totals.newBytes += bytes.length
    return placed
  }

  return {
    async add(bytes: Uint8Array): Promise<ChunkPlace> {
      const placed = await place(bytes)
      totals.doneBytes += bytes.length
      report()
      return placed
    },
    async finish(): Promise<Packed> {
      await closePack()
      await upload()
      const { newChunks, newBytes, feeWei } = totals
      return { packs: packs.map((root) => root!), newChunks, newBytes, feeWei }
    },
  }
}

export class CheckpointPathError extends WeightlessError {
  constructor(facts: { path: string }) {
    super('sdk/checkpoint-path', 'A file of a checkpoint has a path that cannot be restored everywhere.', facts, {
      hint: 'Use relative paths with / between names.',
    })
  }
}

/** Somebody saved under this name since this save began; the chunks are stored, the name is as they left it. */
export class CheckpointConflictError extends WeightlessError {
  constructor(facts: { name: string }) {
    super('sdk/checkpoint-conflict', 'Another checkpoint was saved under this name meanwhile.', facts, {
      hint: 'Look at it, then save again: chunks that are stored are not sent again.',
    })
  }
}

export class CheckpointRefusedError extends WeightlessError {
  constructor(facts: { name: string; owner: Hex; reason: string }) {
    super('sdk/checkpoint-refused', 'The name could not be written.', facts)
  }
}
