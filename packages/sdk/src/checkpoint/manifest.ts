/** What a checkpoint consists of: its files, the chunks of each, and in which pack each chunk stands. Spec: checkpoint §2. */
import {
  accept,
  bytesToHex,
  bytesToText,
  concatBytes,
  type Hex,
  readUint32,
  reject,
  textToBytes,
  type Verdict,
  writeUint32,
} from '@weightless/codec'
import { chunkBytesMax } from './splitChunks.ts'

/** `pack` is an index into the manifest's packs. */
export type ChunkPlace = { id: Uint8Array; pack: number; offset: number; length: number }

export type ManifestFile = { path: string; sizeBytes: number; chunks: readonly ChunkPlace[] }

export type Manifest = {
  name: string
  /** Milliseconds since the Unix epoch. */
  savedMs: number
  /** The checkpoint that was there before; null for the first. */
  previousRoot: Hex | null
  /** Roots of files that hold chunks one after another. */
  packs: readonly Hex[]
  files: readonly ManifestFile[]
}

const magic = textToBytes('WLC1')
const placeBytes = 32 + 4 + 4 + 4
/** A checkpoint of 1 TiB has some four million chunks. */
export const manifestBytesMax = 512 * 1024 * 1024
const headBytesMax = 64 * 1024 * 1024
const filesMax = 100_000

/** `WLC1` | length of the head u32 | head as JSON | the chunks of all files in order: id (32), pack u32, offset u32, length u32. */
export function encodeManifest({ files, ...facts }: Manifest): Uint8Array {
  const listed = files.map(({ path, sizeBytes, chunks }) => ({ path, sizeBytes, chunkCount: chunks.length }))
  const head = textToBytes(JSON.stringify({ ...facts, files: listed }))
  const count = files.reduce((sum, { chunks }) => sum + chunks.length, 0)
  const body = new Uint8Array(count * placeBytes)
  let at = 0
  for (const { chunks } of files) {
    for (const { id, pack, offset, length } of chunks) {
      body.set(id, at)
      writeUint32(body, at + 32, pack)
      writeUint32(body, at + 36, offset)
      writeUint32(body, at + 40, length)
      at += placeBytes
    }
  }
  const headLength = new Uint8Array(4)
  writeUint32(headLength, 0, head.length)
  return concatBytes([magic, headLength, head, body])
}

/** Whoever may write under the name wrote it: nothing in it is believed. */
export function decodeManifest(bytes: Uint8Array): Verdict<Manifest> {
  if (bytes.length < 8 || bytesToText(bytes.subarray(0, 4)) !== 'WLC1') return reject('malformed', 'no manifest')
  const headEnd = 8 + readUint32(bytes, 4)
  if (headEnd > bytes.length || headEnd > headBytesMax) return reject('malformed', 'the head is cut short')
  const head = readHead(bytes.subarray(8, headEnd))
  if (!head) return reject('malformed', 'the head is not as it should be')
  const count = head.files.reduce((sum, { chunkCount }) => sum + chunkCount, 0)
  if (bytes.length !== headEnd + count * placeBytes) return reject('malformed', 'chunks are missing')
  let at = headEnd
  const files: ManifestFile[] = []
  for (const { path, sizeBytes, chunkCount } of head.files) {
    const chunks: ChunkPlace[] = []
    let total = 0
    for (let left = chunkCount; left > 0; left--, at += placeBytes) {
      const place = {
        id: bytes.slice(at, at + 32),
        pack: readUint32(bytes, at + 32),
        offset: readUint32(bytes, at + 36),
        length: readUint32(bytes, at + 40),
      }
      if (place.pack >= head.packs.length || place.length === 0 || place.length > chunkBytesMax) {
        return reject('malformed', `a chunk of ${path} cannot be`)
      }
      total += place.length
      chunks.push(place)
    }
    if (total !== sizeBytes) return reject('malformed', `${path} has another size than its chunks`)
    files.push({ path, sizeBytes, chunks })
  }
  return accept({ ...head, files })
}

type Head = Omit<Manifest, 'files'> & { files: { path: string; sizeBytes: number; chunkCount: number }[] }

function readHead(bytes: Uint8Array): Head | undefined {
  try {
    const { name, savedMs, previousRoot, packs, files } = JSON.parse(bytesToText(bytes)) as Head
    if (typeof name !== 'string' || !isCount(savedMs) || !Array.isArray(packs) || !Array.isArray(files))
      return undefined
    if (previousRoot !== null && !isRoot(previousRoot)) return undefined
    if (files.length > filesMax || !packs.every(isRoot)) return undefined
    const isFine = files.every(
      ({ path, sizeBytes, chunkCount }) => isSafePath(path) && isCount(sizeBytes) && isCount(chunkCount),
    )
    if (!isFine || new Set(files.map(({ path }) => path)).size !== files.length) return undefined
    return { name, savedMs, previousRoot, packs, files }
  } catch {
    return undefined
  }
}

/** Relative, below the folder that it is restored into, and meant the same on every system. */
export function isSafePath(path: unknown): path is string {
  if (typeof path !== 'string' || path.length === 0 || path.length > 1_024) return false
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\:]|\p{Cc}/u.test(part))
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isRoot(value: unknown): value is Hex {
  return typeof value === 'string' && /^0x[0-9a-f]{64}$/.test(value)
}

/** Chunks of a manifest by id, with the root of their pack. */
export function chunksById({ packs, files }: Manifest): Map<Hex, { packRoot: Hex; offset: number; length: number }> {
  const places = new Map<Hex, { packRoot: Hex; offset: number; length: number }>()
  for (const { chunks } of files) {
    for (const { id, pack, offset, length } of chunks) {
      places.set(bytesToHex(id), { packRoot: packs[pack]!, offset, length })
    }
  }
  return places
}
