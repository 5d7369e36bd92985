/** Keeps weights in this browser's private file system, named by their root; what is read back is hashed again before use. */
import type { Hex } from '@weightless/codec'

const folderName = 'weights'

export async function readCachedModel(root: Hex): Promise<Uint8Array | undefined> {
  try {
    const file = await (await (await folder()).getFileHandle(root)).getFile()
    return new Uint8Array(await file.arrayBuffer())
  } catch {
    // Not kept, or this browser (a private window, perhaps) keeps nothing: the network has it.
    return undefined
  }
}

/** Best effort: a full disk costs the next check some seconds, nothing else. */
export async function cacheModel(root: Hex, bytes: Uint8Array): Promise<boolean> {
  try {
    const file = await (await folder()).getFileHandle(root, { create: true })
    const writer = await file.createWritable()
    await writer.write(bytes as Uint8Array<ArrayBuffer>)
    await writer.close()
    return true
  } catch {
    await dropCachedModel(root)
    return false
  }
}

export async function dropCachedModel(root: Hex): Promise<void> {
  try {
    await (await folder()).removeEntry(root)
  } catch {
    // It was not there.
  }
}

async function folder(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(folderName, { create: true })
}
