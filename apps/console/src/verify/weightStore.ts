/**
 * Weights in this browser's private file system, under their root, with the roots of their segments beside them. What is read
 * back is hashed segment by segment, so that nothing has to be hashed whole. A file without segment roots is not all there yet,
 * and goes on where it stopped.
 */
import { bytesToHex, type Hex, isHexOf } from '@weightless/codec'
import { createFileHasher, openProven, type ProvenSource, segmentBytes } from '@weightless/crypto'
import type { OpenedFile } from '@weightless/sdk'

export type KeptWeights = { root: Hex; sizeBytes: number; isWhole: boolean }

const folderName = 'weights'
const rootsSuffix = '.segments'
const pieceBytes = 4 * 1024 * 1024
/** Models that are kept at most; the one that came first goes. */
const modelsMax = 8

/** Undefined where they are not kept whole, or this browser (a private window, perhaps) keeps nothing. */
export async function openKept(root: Hex): Promise<ProvenSource | undefined> {
  try {
    const place = await folder()
    const file = await (await place.getFileHandle(root)).getFile()
    const roots = await (await place.getFileHandle(root + rootsSuffix)).getFile()
    return openProven(root, new Uint8Array(await roots.arrayBuffer()), blobSource(file))
  } catch {
    // Absent, cut short or damaged is all the same here: the network has it.
    return undefined
  }
}

/**
 * Takes a file of the network in, a segment at a time, and closes with its segment roots. One tab does it, others wait.
 * @returns undefined where this browser keeps nothing, or has no room
 */
export function keepWeights(
  root: Hex,
  open: () => Promise<OpenedFile>,
  onProgress: (doneBytes: number, totalBytes: number) => void,
): Promise<ProvenSource | undefined> {
  if (!('locks' in navigator) || !('storage' in navigator)) return Promise.resolve(undefined)
  return navigator.locks.request(`weights ${root}`, async () => {
    const kept = await openKept(root)
    if (kept) return kept
    const blob = await open()
    try {
      await makeRoom(root)
      // Kept bytes that a crash tore give another root: then all of them are fetched.
      const isKept = (await takeIn(blob, onProgress, 'go on')) || (await takeIn(blob, onProgress, 'anew'))
      return isKept ? openKept(root) : undefined
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
      // Chiefly a full disk; what is there already would only take room.
      await dropKept(root)
      return undefined
    }
  })
}

async function takeIn(
  blob: OpenedFile,
  onProgress: (doneBytes: number, totalBytes: number) => void,
  start: 'go on' | 'anew',
): Promise<boolean> {
  const { root, sizeBytes } = blob
  const access = await openForWriting(root)
  try {
    const hasher = createFileHasher()
    let at = start === 'anew' ? 0 : Math.floor(Math.min(access.getSize(), sizeBytes) / segmentBytes) * segmentBytes
    if (at === sizeBytes) at -= segmentBytes
    access.truncate(at)
    for (let from = 0; from < at; from += pieceBytes) {
      const piece = new Uint8Array(Math.min(pieceBytes, at - from))
      access.read(piece, { at: from })
      hasher.update(piece)
      onProgress(from + piece.length, sizeBytes)
    }
    for await (const piece of blob.stream({ offset: at })) {
      access.write(piece, { at })
      hasher.update(piece)
      at += piece.length
      if (at % pieceBytes === 0) access.flush()
      onProgress(at, sizeBytes)
    }
    access.flush()
    const { root: found, tree, shape } = hasher.finish()
    if (bytesToHex(found) !== root) return false
    await writeWhole(root + rootsSuffix, tree.levels[0]!.slice(0, 32 * shape.segments))
    return true
  } finally {
    access.close()
  }
}

/** Best effort. */
export async function dropKept(root: Hex): Promise<void> {
  for (const name of [root + rootsSuffix, root]) {
    try {
      await (await folder()).removeEntry(name)
    } catch {
      // It was not there.
    }
  }
}

/** What lies here, whole or begun; empty where this browser keeps nothing. */
export async function listKept(): Promise<KeptWeights[]> {
  try {
    const sizes = new Map<string, number>()
    for await (const [name, handle] of (await folder()).entries()) {
      if (handle.kind === 'file') sizes.set(name, (await (handle as FileSystemFileHandle).getFile()).size)
    }
    return [...sizes]
      .filter(([name]) => isHexOf(name, 32))
      .map(([root, sizeBytes]) => ({ root: root as Hex, sizeBytes, isWhole: sizes.has(root + rootsSuffix) }))
  } catch {
    return []
  }
}

async function makeRoom(root: Hex): Promise<void> {
  const others = (await listKept()).filter((kept) => kept.root !== root)
  for (const { root: other } of others.slice(0, Math.max(0, others.length - modelsMax + 1))) await dropKept(other)
}

async function writeWhole(name: string, bytes: Uint8Array): Promise<void> {
  const access = await openForWriting(name)
  try {
    access.truncate(0)
    access.write(bytes, { at: 0 })
    access.flush()
  } finally {
    access.close()
  }
}

async function openForWriting(name: string): Promise<SyncAccess> {
  return ((await (await folder()).getFileHandle(name, { create: true })) as WorkerFileHandle).createSyncAccessHandle()
}

/** Workers alone have it, so that the page's types do not. */
type WorkerFileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccess> }
type SyncAccess = {
  getSize(): number
  truncate(sizeBytes: number): void
  read(into: Uint8Array, options: { at: number }): number
  write(bytes: Uint8Array, options: { at: number }): number
  flush(): void
  close(): void
}

async function folder(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(folderName, { create: true })
}

/** Ranges of a file on this machine. */
export function blobSource(blob: Blob) {
  return {
    sizeBytes: blob.size,
    read: async (offset: number, length: number) =>
      new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
  }
}
