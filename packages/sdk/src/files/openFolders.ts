/** Stores and opens folders: every file by itself, encrypted as single files are, and the directory that names them. Spec: storage §8. */
import type { BlobSource, Blobs, OpenedBlob, PutBlob } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import { encodeDirectory } from '@weightless/storage/wire'
import {
  type FolderDownload,
  type FolderFile,
  makeDirectory,
  type OpenedFolder,
  readFolder,
  type StoredFolder,
} from './folders.ts'
import type { ReadOptions, UploadOptions } from './openFiles.ts'
import { type FileKeys, sealFile } from './privateFiles.ts'

export type FoldersApi = {
  /**
   * Stores each file of a folder, paid 32 a transaction, then the directory that names them. The same folder again costs
   * nothing. Errors: those of `upload`, {FolderPathError} {FolderTooLargeError}
   */
  uploadFolder(name: string, files: readonly FolderFile[], options?: UploadOptions): Promise<StoredFolder>
  /** What is in a folder; its names are safe to make below another folder. @throws {NoFolderError} {FolderUnsafeError} */
  openFolder(root: Hex, options?: ReadOptions): Promise<OpenedFolder>
  /** Opens every file of a folder, one after another. */
  downloadFolder(root: Hex, wish: FolderDownload): Promise<OpenedFolder>
}

export type FoldersParts = {
  blobs: Pick<Blobs, 'putMany'>
  upload(content: Uint8Array, options: UploadOptions): Promise<PutBlob>
  open(root: Hex, options: ReadOptions): Promise<OpenedBlob>
  keys: FileKeys
}

export function openFolders({ blobs, upload, open, keys }: FoldersParts): FoldersApi {
  return {
    async uploadFolder(name, files, { isPublic = false, ...options } = {}) {
      const unrooted = files.map(({ path, source }) => ({ path, root: undefined, sizeBytes: source.sizeBytes }))
      // Refuses what cannot be a folder before anything is paid.
      makeDirectory(name, unrooted)
      const full = files.filter(({ source }) => source.sizeBytes > 0)
      const contents = isPublic
        ? full.map(({ source }) => source)
        : await sealAll(full, await keys.key(), options.signal)
      const stored = contents.length === 0 ? [] : await blobs.putMany(contents, options)
      const rootOf = new Map(full.map(({ path }, i) => [path, stored[i]!.root]))
      const listed = unrooted.map((file) => ({ ...file, root: rootOf.get(file.path) }))
      const { onProgress: _, ...quietly } = options
      const directory = await upload(encodeDirectory(makeDirectory(name, listed)), { ...quietly, isPublic })
      const sizeBytes = listed.reduce((sum, file) => sum + file.sizeBytes, 0)
      const feeWei = stored.reduce((sum, file) => sum + file.feeWei, directory.feeWei)
      return { root: directory.root, files: files.length, sizeBytes, feeWei, isPrivate: !isPublic }
    },
    openFolder: async (root, options = {}) => readFolder(root, await open(root, options), options.signal),
    async downloadFolder(root, { onFile, signal }) {
      const more = signal ? { signal } : {}
      const folder = await readFolder(root, await open(root, more), signal)
      for (const file of folder.files) await onFile(file, file.root && (await open(file.root, more)))
      return folder
    },
  }
}

async function sealAll(files: readonly FolderFile[], key: Uint8Array, signal: AbortSignal | undefined) {
  const sealed: { content: BlobSource; tags: Hex }[] = []
  for (const file of files) {
    const { source, tags } = await sealFile(file.source, key, signal)
    sealed.push({ content: source, tags })
  }
  return sealed
}
