/** The devnet's data directory: private to its user, one owner at a time, refused when a newer version wrote it. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { WeightlessError } from '@weightless/codec'

/** Raised when the layout of the directory changes; older ones are migrated, newer ones refused. */
export const dataVersion = 1

export type DataFolder = { path: string; release(): void }

/**
 * Takes the directory for this process, creating it with mode 0700.
 * @throws {DataFolderBusyError | DataFolderNewerError | DataFolderForeignError | DataFolderUnusableError}
 */
export function takeDataFolder(folder: string): DataFolder {
  const path = resolve(folder)
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    if ((statSync(path).mode & 0o777) !== 0o700) chmodSync(path, 0o700)
    checkVersion(path)
  } catch (cause) {
    if (cause instanceof WeightlessError) throw cause
    throw new DataFolderUnusableError({ path }, cause)
  }
  return lockDataFolder(path)
}

/** Takes a directory that is there, whatever is in it, so that even a damaged one can be removed. @throws {DataFolderBusyError} */
export function lockDataFolder(folder: string): DataFolder {
  const path = resolve(folder)
  if (held.has(path)) throw new DataFolderBusyError({ path, pid: process.pid })
  const lock = join(path, 'lock')
  writeLock(lock, path)
  held.add(path)
  const release = () => {
    held.delete(path)
    rmSync(lock, { force: true })
  }
  return { path, release }
}

/** Folders of this process: a lock file with our own pid and no entry here was left by a dead process of the same pid. */
const held = new Set<string>()

function checkVersion(path: string): void {
  const file = join(path, 'version.json')
  if (!existsSync(file)) {
    writeFileSync(file, `${JSON.stringify({ dataVersion })}\n`, { mode: 0o600 })
    return
  }
  const found = readVersion(file)
  if (found === undefined) throw new DataFolderForeignError({ file })
  if (found > dataVersion) throw new DataFolderNewerError({ path, found, known: dataVersion })
}

function readVersion(file: string): number | undefined {
  try {
    const { dataVersion: found } = JSON.parse(readFileSync(file, 'utf8')) as { dataVersion?: unknown }
    return typeof found === 'number' && Number.isInteger(found) ? found : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function writeLock(lock: string, path: string): void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(lock, `${process.pid} ${startOf(process.pid)}`, { flag: 'wx', mode: 0o600 })
      return
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw new DataFolderUnusableError({ path }, cause)
      const [pid = '', start = ''] = readFileSync(lock, 'utf8').split(' ')
      const owner = Number(pid)
      if (owner !== process.pid && isAlive(owner, start)) throw new DataFolderBusyError({ path, pid: owner })
      rmSync(lock, { force: true })
    }
  }
}

/** When a process began, in ticks since the machine's start; empty where the system does not say (only Linux does). */
function startOf(pid: number): string {
  try {
    const words = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\)\s/s, '')
      .split(' ')
    return words[19] ?? ''
  } catch {
    return ''
  }
}

/** @param start - as `startOf` had it: another process may have the number of a dead one by now */
function isAlive(pid: number, start: string): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  const now = startOf(pid)
  if (start !== '' && now !== '' && start !== now) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

export class DataFolderBusyError extends WeightlessError {
  constructor(facts: { path: string; pid: number }) {
    super('node/data-folder-busy', 'Another process uses this data directory.', facts, {
      hint: 'Stop it, or start with another --data-dir.',
    })
  }
}

export class DataFolderNewerError extends WeightlessError {
  constructor(facts: { path: string; found: number; known: number }) {
    super('node/data-folder-newer', 'A newer version wrote this data directory.', facts, {
      hint: 'Update Weightless, or start with another --data-dir.',
    })
  }
}

export class DataFolderUnusableError extends WeightlessError {
  constructor(facts: { path: string }, cause: unknown) {
    super('node/data-folder-unusable', 'The data directory cannot be written.', facts, {
      cause,
      hint: 'Choose another --data-dir, or free space and make it writable.',
    })
  }
}

export class DataFolderForeignError extends WeightlessError {
  constructor(facts: { file: string }) {
    super('node/data-folder-foreign', 'The version file of the data directory is unreadable.', facts, {
      hint: 'Choose another --data-dir, or remove this one with `weightless reset`.',
    })
  }
}
