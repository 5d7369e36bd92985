/** Stores many files and the directory that names them, and reads such a directory back. Spec: storage §8. */
import { type Hex, type Verdict, WeightlessError } from '@weightless/codec'
import { type BlobSource, toBlobSource } from './blobSource.ts'
import type { Blobs, PutOptions } from './createBlobs.ts'
import { type DirectoryEntry, type DirectoryFault, packDirectory, unpackDirectory } from './directoryPaths.ts'
import type { PutBlob } from './putBlob.ts'

export type DirectoryItem = { path: string; content: Uint8Array | BlobSource } | { path: string; link: string }

export type PutDirectory = PutBlob & { entries: DirectoryEntry[] }

/** Directories above it are not opened. */
const directoryBytesMax = 64 * 1024 * 1024

/**
 * The files first, many in one transaction, then the directory. Paths are relative, with `/`.
 * @throws {DirectoryPathError} before anything is sent, and the errors of `putMany`
 */
export async function putDirectory(
  blobs: Pick<Blobs, 'put' | 'putMany'>,
  items: readonly DirectoryItem[],
  options: Omit<PutOptions, 'tags' | 'isAnew'> = {},
): Promise<PutDirectory> {
  const draft = items.map((item): DirectoryEntry => {
    if ('link' in item) return { path: item.path, type: 'symbolic', link: item.link }
    return { path: item.path, type: 'file', roots: [], sizeBytes: toBlobSource(item.content).sizeBytes }
  })
  requireSafe(packDirectory(draft))
  // Empty files have no root: the network stores no empty file.
  const sources = items.map((item) => ('link' in item ? undefined : toBlobSource(item.content)))
  const filled = [...sources.keys()].filter((index) => (sources[index]?.sizeBytes ?? 0) > 0)
  const stored = await blobs.putMany(
    filled.map((index) => sources[index]!),
    options,
  )
  const roots = new Map(filled.map((index, i) => [index, stored[i]!.root]))
  const entries = draft.map((entry, index) => {
    const root = roots.get(index)
    return entry.type === 'file' && root ? { ...entry, roots: [root] } : entry
  })
  return { ...(await blobs.put(requireSafe(packDirectory(entries)), options)), entries }
}

/** @throws what `Blobs.get` throws; what a stranger wrote badly is a verdict */
export async function readDirectory(
  blobs: Pick<Blobs, 'get'>,
  root: Hex,
  options: { signal?: AbortSignal } = {},
): Promise<Verdict<DirectoryEntry[], DirectoryFault>> {
  return unpackDirectory(await blobs.get(root, { ...options, bytesMax: directoryBytesMax }))
}

function requireSafe(encoded: Verdict<Uint8Array, 'path-unsafe'>): Uint8Array {
  if (!encoded.ok) throw new DirectoryPathError({ reason: encoded.detail ?? '' })
  return encoded.value
}

export class DirectoryPathError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('blobs/directory-path', 'A path cannot stand in a directory.', facts, {
      hint: 'Paths are relative and unique, without `..`, backslashes or control characters.',
    })
  }
}
