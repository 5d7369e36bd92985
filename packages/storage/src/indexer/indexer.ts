/** The indexer: names storage nodes to clients, says where files are, serves them to browsers. Spec: storage §8, §11. */
import type { Env } from '@weightless/env'
import type { ContentSource } from '../http/contentRoutes.ts'
import type { RpcMethods } from '../http/jsonRpcServer.ts'
import type { Route } from '../http/storageHandler.ts'
import { createFileLocator, type FileLocator } from '../peers/locateFiles.ts'
import { createGatewayRoutes } from './gatewayRoutes.ts'
import { createIndexerMethods } from './indexerMethods.ts'
import { createNetworkContent } from './networkContent.ts'
import { watchNodes } from './nodeRegistry.ts'
import type { Registry } from './registry.ts'
import { createRegistryRoutes } from './registryRoutes.ts'

export type IndexerOptions = {
  env: Env
  registry: Registry
  /** Says where files are; by the registry alone without it. */
  locator?: FileLocator
  /** URLs under which clients reach the gateways and whole-file nodes; the first one takes uploads. */
  nodeUrls: readonly string[]
  /** The node in this process, if there is one: its files are served without a detour. */
  local?: ContentSource
}

export type Indexer = {
  methods: RpcMethods
  content: ContentSource
  routes: Route[]
  /** Begins to watch the nodes; call it when they can answer. */
  start(): Promise<void>
  close(): Promise<void>
}

export function openIndexer({ env, registry, nodeUrls, local, ...options }: IndexerOptions): Indexer {
  const stop = new AbortController()
  const world = { clock: env.clock, network: env.network, log: env.log.child('indexer') }
  const nodes = watchNodes(world, nodeUrls, stop.signal)
  const locator = options.locator ?? createFileLocator(env.clock, registry)
  const own = createRegistryRoutes(registry.directory, registry.placements, locator.locateFar)
  return {
    methods: createIndexerMethods(nodes),
    content: createNetworkContent(world, nodes, local),
    routes: [...own, ...createGatewayRoutes(env.network, nodes)],
    start: () => nodes.start(),
    async close() {
      stop.abort()
      await nodes.ended()
      await registry.close()
    },
  }
}
