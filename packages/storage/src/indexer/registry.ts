/** The registry of coded storage: who is there, and where files are; the part of an indexer that a gateway shares. Spec: storage §11, §12. */
import type { Hex } from '@weightless/codec'
import type { Disk, Env } from '@weightless/env'
import { openKeyValue } from '@weightless/store'
import { createNodeDirectory, type NodeDirectory } from './nodeDirectory.ts'
import { openPlacementBook, type PlacementBook } from './placementBook.ts'

export type RegistryOptions = {
  env: Pick<Env, 'clock' | 'log' | 'disk'>
  /** Its own folder on the disk; default `indexer`. */
  disk?: Disk
  chainId: number
  flowAddress: Hex
}

export type Registry = { directory: NodeDirectory; placements: PlacementBook; close(): Promise<void> }

/** @throws {LogCorruptError} when its placements are damaged */
export async function openRegistry({ env, disk, chainId, flowAddress }: RegistryOptions): Promise<Registry> {
  const log = env.log.child('indexer')
  const keyValue = await openKeyValue(disk ?? env.disk.folder('indexer'), 'placements', { log })
  const directory = createNodeDirectory(env.clock, { chainId, flowAddress })
  const isKnown = (nodeId: Hex) => directory.find(nodeId) !== undefined
  const placements = openPlacementBook({ keyValue, chainId, isKnown })
  return { directory, placements, close: () => keyValue.close() }
}
