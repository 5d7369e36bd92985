/** A folder of the machine as `Disk`; files and folders are private to the user. */
import { readSync, writeSync } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { concatBytes } from '@weightless/codec'
import { joinDiskPath } from '../diskPath.ts'
import type { Disk, File, OpenMode } from '../env.ts'
import { DiskError, DiskFullError, FileMissingError } from '../faults.ts'

export type NodeDisk = Disk & {
  /** Closes the files that are still open. */
  close(): Promise<void>
}

/** The disk whose root is `root`, an absolute folder that need not exist yet. */
export function createNodeDisk(root: string): NodeDisk {
  const handles = new Set<FileHandle>()
  const close = async (): Promise<void> => {
    await Promise.all([...handles].map((handle) => handle.close()))
    handles.clear()
  }
  return { ...openFolder(root, '', handles), close }
}

function openFolder(root: string, base: string, handles: Set<FileHandle>): Disk {
  const locate = (path: string): string => join(root, joinDiskPath(base, path))
  return {
    open: (path, mode) => guard(path, 'open', () => openFile(locate(path), path, mode, handles)),
    list: (folder) =>
      guard(folder, 'list', async () => {
        const names = await readdir(locate(folder)).catch(orWhenMissing([] as string[]))
        return names.sort((a, b) => (a < b ? -1 : 1))
      }),
    exists: (path) => guard(path, 'stat', () => stat(locate(path)).then(() => true, orWhenMissing(false))),
    remove: (path) => guard(path, 'remove', () => rm(locate(path), { recursive: true, force: true })),
    rename: (source, target) => guard(source, 'rename', () => rename(locate(source), locate(target))),
    syncFolder: (folder) => guard(folder, 'sync', () => syncFolder(locate(folder))),
    freeBytes: () =>
      guard('', 'statfs', async () => {
        const volume = await statfs(await nearestExisting(locate('')))
        return volume.bavail * volume.bsize
      }),
    folder: (path) => openFolder(root, joinDiskPath(base, path), handles),
  }
}

async function openFile(place: string, path: string, mode: OpenMode, handles: Set<FileHandle>): Promise<File> {
  const handle = await openHandle(place, path, mode)
  handles.add(handle)
  return wrap(handle, path, () => handles.delete(handle))
}

async function openHandle(place: string, path: string, mode: OpenMode): Promise<FileHandle> {
  if (mode === 'read') return open(place, 'r')
  const handle = await open(place, 'r+').catch(orWhenMissing(undefined))
  if (handle) return handle
  if (mode === 'write') throw new FileMissingError({ path })
  await makeFolder(dirname(place))
  return open(place, 'wx+', 0o600)
}

/** Creates a folder and makes each new level durable in its parent. */
async function makeFolder(place: string): Promise<void> {
  const first = await mkdir(place, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let level = place; level.length >= first.length; level = dirname(level)) await syncFolder(dirname(level))
}

async function syncFolder(place: string): Promise<void> {
  if (process.platform === 'win32') return // Windows has no handle on a folder to flush
  const handle = await open(place, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function nearestExisting(place: string): Promise<string> {
  for (let at = place; ; at = dirname(at)) {
    const found = await stat(at).then(() => true, orWhenMissing(false))
    if (found || at === dirname(at)) return at
  }
}

function wrap(handle: FileHandle, path: string, onClose: () => void): File {
  const { fd } = handle
  return {
    read: (offset, length) => guard(path, 'read', () => readAll(handle, offset, length)),
    readSync: (offset, length) => guardSync(path, 'read', () => readAllSync(fd, offset, length)),
    write: (offset, bytes) => guard(path, 'write', () => write(handle, offset, bytes)),
    writeSync: (offset, bytes) => guardSync(path, 'write', () => writeAllSync(fd, offset, bytes)),
    sync: () => guard(path, 'sync', () => handle.datasync()),
    truncate: (length) => guard(path, 'truncate', () => handle.truncate(length)),
    size: () => guard(path, 'stat', async () => (await handle.stat()).size),
    close: () => guard(path, 'close', () => handle.close().finally(onClose)),
  }
}

/** What is small goes to the system's cache at once: another thread would take longer to hear of it than to write it. */
const smallBytesMax = 16 * 1024

async function write(handle: FileHandle, offset: number, bytes: Uint8Array | readonly Uint8Array[]): Promise<void> {
  const parts = bytes instanceof Uint8Array ? [bytes] : bytes
  const byteLength = parts.reduce((sum, part) => sum + part.length, 0)
  if (byteLength > smallBytesMax) return writeAll(handle, offset, parts)
  writeAllSync(handle.fd, offset, parts.length === 1 ? parts[0]! : concatBytes(parts))
}

function writeAllSync(fd: number, offset: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done)
  }
}

async function writeAll(handle: FileHandle, offset: number, parts: readonly Uint8Array[]): Promise<void> {
  let [at, left] = [offset, parts]
  while (left.length > 0) {
    const group = left.slice(0, partsMax)
    const { bytesWritten } = await (group.length === 1
      ? handle.write(group[0]!, { position: at })
      : handle.writev(group, at))
    at += bytesWritten
    left = dropBytes(left, bytesWritten)
  }
}

/** What is left of the parts behind their first `count` bytes. */
function dropBytes(parts: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let skipped = count
  let first = 0
  while (first < parts.length && parts[first]!.length <= skipped) skipped -= parts[first++]!.length
  const rest = parts.slice(first)
  return skipped === 0 ? rest : [rest[0]!.subarray(skipped), ...rest.slice(1)]
}

async function readAll(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return done === length ? bytes : bytes.slice(0, done)
}

function readAllSync(fd: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let done = 0
  while (done < length) {
    const count = readSync(fd, bytes, done, length - done, offset + done)
    if (count === 0) break
    done += count
  }
  return done === length ? bytes : bytes.slice(0, done)
}

async function guard<Value>(path: string, operation: string, run: () => Promise<Value>): Promise<Value> {
  try {
    return await run()
  } catch (error) {
    throw explain(path, operation, error)
  }
}

function guardSync<Value>(path: string, operation: string, run: () => Value): Value {
  try {
    return run()
  } catch (error) {
    throw explain(path, operation, error)
  }
}

function explain(path: string, operation: string, error: unknown): unknown {
  const reason = codeOf(error)
  if (reason === undefined) return error
  if (reason === 'ENOSPC' || reason === 'EDQUOT') return new DiskFullError({ path }, { cause: error })
  if (reason === 'ENOENT') return new FileMissingError({ path }, { cause: error })
  return new DiskError({ path, operation, reason }, { cause: error })
}

/** As many buffers as one call of the system takes on Linux. */
const partsMax = 1_024

/** The system's error code; our own errors have codes with a slash and pass unchanged. */
function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^E[A-Z0-9_]+$/.test(code) ? code : undefined
}

function orWhenMissing<Value>(value: Value): (error: unknown) => Value {
  return (error) => {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return value
    throw error
  }
}
