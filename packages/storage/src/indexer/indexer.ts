/** The indexer: names storage nodes to clients, says where files are, serves them to browsers. Spec: storage §8. */
import type { Env } from '@weightless/env'
import type { ContentSource } from '../http/contentRoutes.ts'
import type { RpcMethods } from '../http/jsonRpcServer.ts'
import type { Route } from '../http/storageHandler.ts'
import { createGatewayRoutes } from './gatewayRoutes.ts'
import { createIndexerMethods } from './indexerMethods.ts'
import { createNetworkContent } from './networkContent.ts'
import { watchNodes } from './nodeRegistry.ts'

export type IndexerOptions = {
  env: Env
  /** URLs under which clients reach the nodes; the first one takes uploads. */
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

export function openIndexer({ env, nodeUrls, local }: IndexerOptions): Indexer {
  const stop = new AbortController()
  const world = { clock: env.clock, network: env.network, log: env.log.child('indexer') }
  const registry = watchNodes(world, nodeUrls, stop.signal)
  return {
    methods: createIndexerMethods(registry),
    content: createNetworkContent(world, registry, local),
    routes: createGatewayRoutes(env.network, registry),
    start: () => registry.start(),
    async close() {
      stop.abort()
      await registry.ended()
    },
  }
}
