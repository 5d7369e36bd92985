/** Stores and opens folders: every file by itself, encrypted as single files are, and the directory that names them. Spec: storage §8. */
import type { BlobSource, Blobs, OpenedBlob, PutBlob } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import { encodeDirectory } from '@weightless/storage/wire'
import type { ReadOptions, UploadOptions } from './fileOptions.ts'
import {
  directoryHeadBytes,
  type FolderDownload,
  type FolderFile,
  makeDirectory,
  type OpenedFolder,
  readFolder,
  type StoredFolder,
  startsAsDirectory,
} from './folders.ts'
import { type FileKeys, privateExtraBytes, sealFile } from './privateFiles.ts'
import type { FileQuote } from './quoteFiles.ts'

export type FolderUpload = UploadOptions & {
  /** Paths of folders in which there is nothing, to be made again by those who download. */
  emptyFolders?: readonly string[]
}

export type FoldersApi = {
  /** What storing a folder costs at most, before anything is sent: content that is there twice is paid once. */
  quoteFolder(
    name: string,
    files: readonly { path: string; sizeBytes: number }[],
    options?: Pick<FolderUpload, 'isPublic' | 'emptyFolders'>,
  ): Promise<FileQuote>
  /**
   * Stores each file of a folder, paid 32 a transaction, then the directory that names them. The same folder again costs
   * nothing. Errors: those of `upload`, {FolderPathError} {FolderTooLargeError}
   */
  uploadFolder(name: string, files: readonly FolderFile[], options?: FolderUpload): Promise<StoredFolder>
  /** Whether a root is of a folder, by how its file begins. */
  isFolder(root: Hex, options?: ReadOptions): Promise<boolean>
  /** What is in a folder; its names are safe to make below another folder. @throws {NoFolderError} {FolderUnsafeError} */
  openFolder(root: Hex, options?: ReadOptions): Promise<OpenedFolder>
  /** Opens every file of a folder, a few at once; the first failure ends it. */
  downloadFolder(root: Hex, wish: FolderDownload): Promise<OpenedFolder>
}

export type FoldersParts = {
  blobs: Pick<Blobs, 'putMany'>
  quote(sizes: readonly number[]): Promise<FileQuote>
  upload(content: Uint8Array, options: UploadOptions): Promise<PutBlob>
  open(root: Hex, options: ReadOptions): Promise<OpenedBlob>
  keys: FileKeys
}

export function openFolders({ blobs, quote, upload, open, keys }: FoldersParts): FoldersApi {
  return {
    async quoteFolder(name, files, { isPublic = false, emptyFolders = [] } = {}) {
      const rooted = files.map((file) => ({ ...file, root: file.sizeBytes > 0 ? anyRoot : undefined }))
      const directory = encodeDirectory(makeDirectory(name, rooted, emptyFolders))
      const sizes = files.flatMap(({ sizeBytes }) => (sizeBytes > 0 ? [sizeBytes] : []))
      const extraBytes = isPublic ? 0 : privateExtraBytes
      return quote([...sizes, directory.length].map((sizeBytes) => sizeBytes + extraBytes))
    },
    async isFolder(root, options = {}) {
      const blob = await open(root, options)
      if (blob.sizeBytes < directoryHeadBytes) return false
      return startsAsDirectory(await blob.read(0, directoryHeadBytes, options.signal))
    },
    async uploadFolder(name, files, { isPublic = false, emptyFolders = [], ...options } = {}) {
      const unrooted = files.map(({ path, source }) => ({ path, root: undefined, sizeBytes: source.sizeBytes }))
      // Refuses what cannot be a folder before anything is paid.
      makeDirectory(name, unrooted, emptyFolders)
      const full = files.filter(({ source }) => source.sizeBytes > 0)
      const contents = isPublic
        ? full.map(({ source }) => source)
        : await sealAll(full, await keys.key(), options.signal)
      const stored = contents.length === 0 ? [] : await blobs.putMany(contents, options)
      const rootOf = new Map(full.map(({ path }, i) => [path, stored[i]!.root]))
      const listed = unrooted.map((file) => ({ ...file, root: rootOf.get(file.path) }))
      const { onProgress: _, ...quietly } = options
      const content = encodeDirectory(makeDirectory(name, listed, emptyFolders))
      const directory = await upload(content, { ...quietly, isPublic })
      const sizeBytes = listed.reduce((sum, file) => sum + file.sizeBytes, 0)
      const feeWei = stored.reduce((sum, file) => sum + file.feeWei, directory.feeWei)
      return { root: directory.root, files: files.length, sizeBytes, feeWei, isPrivate: !isPublic }
    },
    openFolder: async (root, options = {}) => readFolder(root, await open(root, options), options.signal),
    async downloadFolder(root, { onFile, signal }) {
      const more = signal ? { signal } : {}
      const folder = await readFolder(root, await open(root, more), signal)
      const queue = folder.files.values()
      let failed = false
      const work = async (): Promise<void> => {
        for (const file of queue) {
          if (failed) return
          try {
            await onFile(file, file.root && (await open(file.root, more)))
          } catch (fault) {
            failed = true
            throw fault
          }
        }
      }
      const workers = await Promise.allSettled(Array.from({ length: filesAtOnce }, work))
      for (const outcome of workers) if (outcome.status === 'rejected') throw outcome.reason
      return folder
    },
  }
}

const filesAtOnce = 4
/** A directory is as long with one root as with another. */
const anyRoot: Hex = `0x${'00'.repeat(32)}`

async function sealAll(files: readonly FolderFile[], key: Uint8Array, signal: AbortSignal | undefined) {
  const sealed: { content: BlobSource; tags: Hex }[] = []
  for (const file of files) {
    const { source, tags } = await sealFile(file.source, key, signal)
    sealed.push({ content: source, tags })
  }
  return sealed
}
