/** Datasets that users sent to the provider itself, on its disk as they came, each for its user alone, and never on the network. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import type { Disk } from '@weightless/env'
import { writeWholeFile } from '../wholeFile.ts'

export type DatasetShelf = {
  /** Durable when it resolves. @param isNeeded - roots that must not go to make room */
  put(user: Hex, bytes: Uint8Array, isNeeded: (root: Hex) => boolean): Promise<Hex | undefined>
  /** Tasks are public, roots therefore too: what somebody else sent is not there. */
  get(user: Hex, root: Hex): Promise<Uint8Array | undefined>
}

/** @param bytesMax - of all of them; older ones go first */
export async function openDatasetShelf(disk: Disk, folder: string, bytesMax: number): Promise<DatasetShelf> {
  /** By the name of the file. */
  const sizes = new Map<string, number>()
  for (const name of await disk.list(folder)) {
    if (namePattern.test(name)) sizes.set(name, await sizeOf(disk, `${folder}/${name}`))
    // What a crash left half written.
    else await disk.remove(`${folder}/${name}`)
  }
  const total = () => [...sizes.values()].reduce((sum, size) => sum + size, 0)
  let order: Promise<unknown> = Promise.resolve()

  async function put(user: Hex, bytes: Uint8Array, isNeeded: (root: Hex) => boolean): Promise<Hex | undefined> {
    const root = bytesToHex(fileRoot(bytes))
    const name = nameOf(user, root)
    if (sizes.has(name)) return root
    for (const [old, size] of [...sizes]) {
      if (total() + bytes.length <= bytesMax) break
      if (isNeeded(rootIn(old)) || size === 0) continue
      sizes.delete(old)
      await disk.remove(`${folder}/${old}`)
    }
    if (total() + bytes.length > bytesMax) return undefined
    await writeWholeFile(disk, `${folder}/${name}`, bytes)
    sizes.set(name, bytes.length)
    return root
  }

  return {
    put(user, bytes, isNeeded) {
      const result = order.then(() => put(user, bytes, isNeeded))
      order = result.catch(() => undefined)
      return result
    },
    async get(user, root) {
      const name = nameOf(user, root)
      if (!sizes.has(name)) return undefined
      const file = await disk.open(`${folder}/${name}`, 'read')
      try {
        return await file.read(0, await file.size())
      } finally {
        await file.close()
      }
    },
  }
}

const namePattern = /^0x[0-9a-f]{64}-0x[0-9a-f]{40}\.data$/
const nameOf = (user: Hex, root: Hex): string => `${root}-${user.toLowerCase()}.data`
const rootIn = (name: string): Hex => name.slice(0, 66) as Hex

async function sizeOf(disk: Disk, path: string): Promise<number> {
  const file = await disk.open(path, 'read')
  try {
    return await file.size()
  } finally {
    await file.close()
  }
}
