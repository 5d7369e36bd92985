/** Files of a disk that are there whole or not at all, whatever happens while they are written. */
import type { Disk } from '@weightless/env'

/** Durable when it resolves. @param path - in a folder */
export async function writeWholeFile(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf('/'))
  const fresh = `${path}.new`
  await disk.remove(fresh)
  const file = await disk.open(fresh, 'create')
  try {
    await file.write(0, bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(fresh, path)
  await disk.syncFolder(folder)
}

/** Undefined for a file that is not there, or larger than `bytesMax`. */
export async function readWholeFile(disk: Disk, path: string, bytesMax: number): Promise<Uint8Array | undefined> {
  if (!(await disk.exists(path))) return undefined
  const file = await disk.open(path, 'read')
  try {
    const size = await file.size()
    return size > bytesMax ? undefined : await file.read(0, size)
  } finally {
    await file.close()
  }
}
