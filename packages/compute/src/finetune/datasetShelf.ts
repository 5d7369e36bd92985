/** Datasets that users sent to the provider itself, on its disk under their storage roots, and never on the network. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import type { Disk } from '@weightless/env'

export type DatasetShelf = {
  /** Durable when it resolves. @param isNeeded - roots that must not go to make room */
  put(bytes: Uint8Array, isNeeded: (root: Hex) => boolean): Promise<Hex | undefined>
  get(root: Hex): Promise<Uint8Array | undefined>
}

/** @param bytesMax - of all of them; older ones go first */
export async function openDatasetShelf(disk: Disk, folder: string, bytesMax: number): Promise<DatasetShelf> {
  const sizes = new Map<Hex, number>()
  for (const name of await disk.list(folder)) {
    const root = /^(0x[0-9a-f]{64})\.jsonl$/.exec(name)?.[1] as Hex | undefined
    if (root) sizes.set(root, await sizeOf(disk, `${folder}/${name}`))
    // What a crash left half written.
    else await disk.remove(`${folder}/${name}`)
  }
  const pathOf = (root: Hex) => `${folder}/${root}.jsonl`
  const total = () => [...sizes.values()].reduce((sum, size) => sum + size, 0)
  let order: Promise<unknown> = Promise.resolve()

  async function put(bytes: Uint8Array, isNeeded: (root: Hex) => boolean): Promise<Hex | undefined> {
    const root = bytesToHex(fileRoot(bytes))
    if (sizes.has(root)) return root
    for (const [old, size] of [...sizes]) {
      if (total() + bytes.length <= bytesMax) break
      if (isNeeded(old) || size === 0) continue
      sizes.delete(old)
      await disk.remove(pathOf(old))
    }
    if (total() + bytes.length > bytesMax) return undefined
    await writeWholeFile(disk, pathOf(root), bytes)
    sizes.set(root, bytes.length)
    return root
  }

  return {
    put(bytes, isNeeded) {
      const result = order.then(() => put(bytes, isNeeded))
      order = result.catch(() => undefined)
      return result
    },
    async get(root) {
      if (!sizes.has(root)) return undefined
      const file = await disk.open(pathOf(root), 'read')
      try {
        return await file.read(0, await file.size())
      } finally {
        await file.close()
      }
    },
  }
}

/** There whole or not at all, and durable when it resolves. */
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

async function sizeOf(disk: Disk, path: string): Promise<number> {
  const file = await disk.open(path, 'read')
  try {
    return await file.size()
  } finally {
    await file.close()
  }
}
