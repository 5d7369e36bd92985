/** Checkpoints on disk: the files of a folder as they are saved, and a folder into which they are restored. */
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { basename, relative, resolve, sep } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import type { CheckpointFile, RestoreTarget } from '@weightless/sdk'
import { makePlaceFor } from './makePlaceFor.ts'
import { openSteadyFile } from './openSteadyFile.ts'

export type CheckpointFiles = { list: CheckpointFile[]; sizeBytes: number; close(): Promise<void> }

/** A file under its own name, or all plain files below a folder; links are passed over. @throws {CheckpointPathMissingError} */
export async function openCheckpointFiles(path: string): Promise<CheckpointFiles> {
  const top = await stat(path).catch((cause: unknown) => {
    throw new CheckpointPathMissingError({ path }, cause)
  })
  const paths = top.isDirectory() ? await plainFiles(path) : [resolve(path)]
  if (paths.length === 0) throw new CheckpointPathMissingError({ path }, undefined)
  const handles: { close(): Promise<void> }[] = []
  const list: CheckpointFile[] = []
  for (const each of paths) {
    const source = await openSteadyFile(each, (await stat(each)).size)
    handles.push(source)
    const name = top.isDirectory() ? relative(resolve(path), each).split(sep).join('/') : basename(each)
    list.push({ path: name, source })
  }
  return {
    list,
    sizeBytes: list.reduce((sum, { source }) => sum + source.sizeBytes, 0),
    close: async () => void (await Promise.all(handles.map((handle) => handle.close()))),
  }
}

/** Files go below `folder` and nowhere else, whatever links are there. @throws {LinkInTheWayError} */
export function restoreInto(folder: string): RestoreTarget {
  return {
    async open(path, sizeBytes) {
      const handle = await openForChange(await makePlaceFor(folder, path))
      // What is longer than the file was another one.
      await handle.truncate(sizeBytes)
      return {
        async read(offset, length) {
          const bytes = new Uint8Array(length)
          const { bytesRead } = await handle.read(bytes, 0, length, offset)
          return bytes.subarray(0, bytesRead)
        },
        async write(offset, bytes) {
          for (let at = 0; at < bytes.length; ) {
            const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, offset + at)
            at += bytesWritten
          }
        },
        async close() {
          await handle.sync()
          await handle.close()
        },
      }
    },
  }
}

async function openForChange(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    return open(path, 'wx+')
  }
}

async function plainFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.flatMap((entry) => (entry.isFile() ? [resolve(entry.parentPath, entry.name)] : [])).sort()
}

class CheckpointPathMissingError extends WeightlessError {
  constructor(facts: { path: string }, cause: unknown) {
    super('cli/checkpoint-path', 'There is no file to save here.', facts, {
      ...(cause !== undefined && { cause }),
      hint: 'Name a file, or a folder that has at least one; links are passed over.',
    })
  }
}
