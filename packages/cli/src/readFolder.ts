/** A folder on disk as it is stored: its plain files, each read without being held open, its empty folders, and what is left out. */
import { constants } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { relative, resolve, sep } from 'node:path'
import { type FolderFile, FolderTooLargeError, folderFilesMax } from '@weightless/sdk'
import { FileChangedError } from './openSteadyFile.ts'

export type ReadFolder = {
  files: FolderFile[]
  emptyFolders: string[]
  /** Links, sockets and the like. */
  leftOut: string[]
  sizeBytes: number
}

/** Paths are relative, with `/`, and sorted. @throws {FolderTooLargeError} */
export async function readFolder(folder: string): Promise<ReadFolder> {
  const top = resolve(folder)
  const found: ReadFolder = { files: [], emptyFolders: [], leftOut: [], sizeBytes: 0 }
  const entries = await readdir(top, { recursive: true, withFileTypes: true })
  const parents = new Set(entries.map(({ parentPath }) => resolve(parentPath)))
  const plain = entries.filter((entry) => entry.isFile())
  if (plain.length > folderFilesMax) throw new FolderTooLargeError({ files: plain.length, filesMax: folderFilesMax })
  for (const entry of entries) {
    const place = resolve(entry.parentPath, entry.name)
    const path = relative(top, place).split(sep).join('/')
    if (entry.isFile()) found.files.push({ path, source: await steadySource(place) })
    else if (!entry.isDirectory()) found.leftOut.push(path)
    else if (!parents.has(place)) found.emptyFolders.push(path)
  }
  found.files.sort((a, b) => (a.path < b.path ? -1 : 1))
  found.emptyFolders.sort()
  found.leftOut.sort()
  found.sizeBytes = found.files.reduce((sum, { source }) => sum + source.sizeBytes, 0)
  return found
}

/** A folder may have more files than a process may open: each is open only while it is read, and must be what it was. */
async function steadySource(path: string): Promise<FolderFile['source']> {
  const atFirst = await stat(path)
  const stamp = stampOf(atFirst)
  return {
    sizeBytes: atFirst.size,
    async read(offset, length) {
      const handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
      try {
        const bytes = new Uint8Array(length)
        for (let done = 0; done < length; ) {
          const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
          if (bytesRead === 0) throw new FileChangedError({ path })
          done += bytesRead
        }
        if (stampOf(await handle.stat()) !== stamp) throw new FileChangedError({ path })
        return bytes
      } finally {
        await handle.close()
      }
    },
  }
}

function stampOf({ size, mtimeMs, ino }: { size: number; mtimeMs: number; ino: number }): string {
  return `${size} ${mtimeMs} ${ino}`
}
