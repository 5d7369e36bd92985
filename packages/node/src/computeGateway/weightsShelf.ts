/** Model files on this machine by their storage root: with them a gateway executes answers again. */
import { readFile } from 'node:fs/promises'
import type { Hex } from '@weightless/codec'
import { rootOfFile } from '../openFileSource.ts'

export type WeightsShelf = {
  add(modelRoot: Hex, path: string): void
  /** @throws what reading the file throws */
  addFile(path: string): Promise<void>
  has(modelRoot: Hex): Promise<boolean>
  load(modelRoot: Hex): Promise<Uint8Array | undefined>
}

export function createWeightsShelf(): WeightsShelf {
  const paths = new Map<Hex, string>()
  return {
    add: (modelRoot, path) => void paths.set(modelRoot, path),
    async addFile(path) {
      paths.set(await rootOfFile(path), path)
    },
    has: async (modelRoot) => paths.has(modelRoot),
    async load(modelRoot) {
      const path = paths.get(modelRoot)
      // Copied out of the pool of buffers: it is given away to a worker.
      return path === undefined ? undefined : Uint8Array.from(await readFile(path))
    },
  }
}
