/** The indexer: names storage nodes to clients, says where files are, serves them to browsers. Spec: storage §8. */
import type { Hex } from '@weightless/codec'
import type { Disk, Env } from '@weightless/env'
import { openKeyValue } from '@weightless/store'
import type { ContentSource } from '../http/contentRoutes.ts'
import type { RpcMethods } from '../http/jsonRpcServer.ts'
import type { Route } from '../http/storageHandler.ts'
import { createGatewayRoutes } from './gatewayRoutes.ts'
import { createIndexerMethods } from './indexerMethods.ts'
import { createNetworkContent } from './networkContent.ts'
import { createNodeDirectory, type NodeDirectory } from './nodeDirectory.ts'
import { watchNodes } from './nodeRegistry.ts'
import { openPlacementBook, type PlacementBook } from './placementBook.ts'
import { createRegistryRoutes } from './registryRoutes.ts'

export type IndexerOptions = {
  env: Env
  /** The indexer's own folder on the disk; default: `indexer`. */
  disk?: Disk
  chainId: number
  flowAddress: Hex
  /** URLs under which clients reach the gateways and whole-file nodes; the first one takes uploads. */
  nodeUrls: readonly string[]
  /** The node in this process, if there is one: its files are served without a detour. */
  local?: ContentSource
}

export type Indexer = {
  methods: RpcMethods
  content: ContentSource
  routes: Route[]
  /** The nodes of coded storage that announced themselves. */
  directory: NodeDirectory
  /** Where the rows of coded files are. */
  placements: PlacementBook
  /** Begins to watch the nodes; call it when they can answer. */
  start(): Promise<void>
  close(): Promise<void>
}

/** @throws {LogCorruptError} when its placements are damaged */
export async function openIndexer(options: IndexerOptions): Promise<Indexer> {
  const { env, nodeUrls, local, chainId, flowAddress, disk = env.disk.folder('indexer') } = options
  const stop = new AbortController()
  const world = { clock: env.clock, network: env.network, log: env.log.child('indexer') }
  const keyValue = await openKeyValue(disk, 'placements', { log: world.log })
  const directory = createNodeDirectory(env.clock, { chainId, flowAddress })
  const isKnown = (nodeId: Hex) => directory.find(nodeId) !== undefined
  const placements = openPlacementBook({ keyValue, chainId, isKnown })
  const registry = watchNodes(world, nodeUrls, stop.signal)
  return {
    methods: createIndexerMethods(registry),
    content: createNetworkContent(world, registry, local),
    routes: [...createRegistryRoutes(directory, placements), ...createGatewayRoutes(env.network, registry)],
    directory,
    placements,
    start: () => registry.start(),
    async close() {
      stop.abort()
      await registry.ended()
      await keyValue.close()
    },
  }
}
