/** Folders: each file stored by itself, and a directory file that names them by their roots. Spec: storage §8. */
import type { BlobSource, OpenedBlob } from '@weightless/blobs'
import { bytesEqual, type Hex, reject, type Verdict, WeightlessError } from '@weightless/codec'
import { type DirectoryNode, directoryBytesMax, encodeDirectory, readDirectory } from '@weightless/storage/wire'

export type FolderFile = {
  /** Relative, with `/`. */
  path: string
  source: BlobSource
}

export type StoredFolder = {
  /** Of the directory; whoever may read it finds all files by it. */
  root: Hex
  files: number
  sizeBytes: number
  feeWei: bigint
  isPrivate: boolean
}

/** A file of a folder in the network; an empty one has no root. */
export type ListedFile = { path: string; root: Hex | undefined; sizeBytes: number }

export type OpenedFolder = {
  root: Hex
  name: string
  files: ListedFile[]
  /** Paths of folders in which there is nothing. */
  emptyFolders: string[]
  sizeBytes: number
}

export type FolderDownload = {
  /** Called for a few files at once, so that many small ones do not wait for each other; `blob` is undefined for an empty one. */
  onFile: (file: ListedFile, blob: OpenedBlob | undefined) => Promise<void>
  signal?: AbortSignal
}

export const folderFilesMax = 10_000

/** The directory of files whose roots are known, in any order. @throws {FolderPathError} {FolderTooLargeError} */
export function makeDirectory(
  name: string,
  files: readonly ListedFile[],
  emptyFolders: readonly string[] = [],
): DirectoryNode {
  const count = files.length + emptyFolders.length
  if (count > folderFilesMax) throw new FolderTooLargeError({ files: count, filesMax: folderFilesMax })
  const top = folderNode(name)
  const folders = new Map<string, DirectoryNode>([['', top]])
  const taken = new Set<string>()
  const folderAt = (names: readonly string[], path: string): DirectoryNode =>
    names.reduce((at, folder, i) => {
      const place = names.slice(0, i + 1).join('/')
      if (taken.has(place)) throw new FolderPathError({ path })
      const known = folders.get(place) ?? folderNode(folder)
      if (!folders.has(place)) at.entries.push(known)
      folders.set(place, known)
      return known
    }, top)
  for (const { path, root, sizeBytes } of files) {
    const names = namesOf(path)
    if (taken.has(path) || folders.has(path)) throw new FolderPathError({ path })
    taken.add(path)
    const roots = root === undefined ? [] : [root]
    const entry: DirectoryNode = { name: names.at(-1)!, type: 'file', roots, sizeBytes, link: '', entries: [] }
    folderAt(names.slice(0, -1), path).entries.push(entry)
  }
  for (const path of emptyFolders) folderAt(namesOf(path), path)
  return top
}

function namesOf(path: string): string[] {
  const names = path.split('/')
  if (names.length > depthMax || !names.every(isSafeName)) throw new FolderPathError({ path })
  return names
}

/** Whether a file begins as directories do. */
export function startsAsDirectory(head: Uint8Array): boolean {
  return bytesEqual(head.subarray(0, directoryHead.length), directoryHead)
}

/** Of what a file begins with, enough to tell. */
export const directoryHeadBytes = 32
const directoryHead = encodeDirectory(folderNode('')).subarray(0, directoryHeadBytes)

/**
 * What a directory file lists. Somebody else may have written it: names that could leave the folder, links, names given
 * twice and files in several parts are refused, not skipped.
 */
export function listDirectory(
  bytes: Uint8Array,
): Verdict<Omit<OpenedFolder, 'root'>, 'folder-unsafe' | 'directory-malformed'> {
  const directory = readDirectory(bytes)
  if (!directory.ok) return directory
  const { name, type, entries } = directory.value
  if (type !== 'directory') return reject('directory-malformed', 'not a directory at its top')
  const files: ListedFile[] = []
  const emptyFolders: string[] = []
  const unsafe = collectFiles(entries, '', files, emptyFolders)
  if (unsafe !== undefined) return reject('folder-unsafe', unsafe)
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0)
  return { ok: true, value: { name, files, emptyFolders, sizeBytes } }
}

/** Appends to `files` and `emptyFolders`; returns what is wrong with the first unsafe entry. */
function collectFiles(
  entries: readonly DirectoryNode[],
  prefix: string,
  files: ListedFile[],
  emptyFolders: string[],
): string | undefined {
  const names = new Set<string>()
  for (const { name, type, roots, sizeBytes, entries: inner } of entries) {
    const path = `${prefix}${name}`
    if (!isSafeName(name)) return `${JSON.stringify(path)} is no safe name`
    if (names.has(name)) return `${path} is there twice`
    names.add(name)
    if (type === 'symbolic') return `${path} is a symbolic link`
    if (files.length + emptyFolders.length >= folderFilesMax) return `there are more than ${folderFilesMax} files`
    if (type === 'directory') {
      if (inner.length === 0) emptyFolders.push(path)
      const unsafe = collectFiles(inner, `${path}/`, files, emptyFolders)
      if (unsafe !== undefined) return unsafe
      continue
    }
    if (roots.length > 1) return `${path} is stored in ${roots.length} parts`
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || (roots.length === 0 && sizeBytes > 0))
      return `${path} has no root`
    files.push({ path, root: roots[0], sizeBytes })
  }
  return undefined
}

function folderNode(name: string): DirectoryNode {
  return { name, type: 'directory', roots: [], sizeBytes: 0, link: '', entries: [] }
}

const depthMax = 60
const nameBytesMax = 255

function isSafeName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || new TextEncoder().encode(name).length > nameBytesMax) return false
  return !/[/\\\p{Cc}]/u.test(name) && !/^[a-z]:/i.test(name)
}

/** @throws {NoFolderError} {FolderUnsafeError} */
export async function readFolder(root: Hex, blob: OpenedBlob, signal: AbortSignal | undefined): Promise<OpenedFolder> {
  const { sizeBytes } = blob
  if (sizeBytes > directoryBytesMax) throw new NoFolderError({ root, reason: `it has ${sizeBytes} bytes` })
  const listed = listDirectory(await blob.read(0, sizeBytes, signal))
  if (listed.ok) return { root, ...listed.value }
  const reason = listed.detail ?? listed.code
  throw listed.code === 'folder-unsafe' ? new FolderUnsafeError({ root, reason }) : new NoFolderError({ root, reason })
}

export class FolderPathError extends WeightlessError {
  constructor(facts: { path: string }) {
    super('sdk/folder-path', 'A file of this folder has a name that cannot be restored everywhere.', facts, {
      hint: 'Rename it: no backslash, no control characters, at most 255 bytes, not twice.',
    })
  }
}

export class FolderTooLargeError extends WeightlessError {
  constructor(facts: { files: number; filesMax: number }) {
    super('sdk/folder-too-large', 'There are more files in this folder than one directory can name.', facts, {
      hint: 'Store its parts, or pack it into one file.',
    })
  }
}

export class NoFolderError extends WeightlessError {
  constructor(facts: { root: Hex; reason: string }) {
    super('sdk/no-folder', 'This root is not a folder.', facts, { hint: 'Download it as a file.' })
  }
}

export class FolderUnsafeError extends WeightlessError {
  constructor(facts: { root: Hex; reason: string }) {
    super('sdk/folder-unsafe', 'This folder names a file that could be written somewhere else.', facts, {
      hint: 'Whoever stored it may mean harm. Single files of it can be downloaded by their roots.',
    })
  }
}
