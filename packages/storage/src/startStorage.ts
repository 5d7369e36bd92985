/** Puts storage nodes and indexers on ports: each on its own, or both on one as the devnet has them. */
import type { Env, Server } from '@weightless/env'
import { bodyBytesMax, createStorageHandler, type HandlerParts } from './http/storageHandler.ts'
import { type IndexerOptions, openIndexer } from './indexer/indexer.ts'
import { createByteBudget } from './node/byteBudget.ts'
import { openStorageNode, type StorageNode, type StorageNodeOptions } from './node/storageNode.ts'

export type ListenOptions = {
  /** 0 asks for any free port. */
  port: number
  host?: string
  allowedHosts?: readonly string[]
  /** Bytes of uploads in flight before sockets are no longer read; default 48 MiB. */
  inFlightBytesMax?: number
}

export type StorageService = { url: string; port: number; node?: StorageNode; close(): Promise<void> }

/** A storage node on a port of its own. @throws {PortInUseError} {LogCorruptError} */
export async function startStorageNode(options: StorageNodeOptions & ListenOptions): Promise<StorageService> {
  const node = await openStorageNode(options)
  const { methods, content } = node
  const server = await listen(options.env, options, { methods, content, routes: [] }).catch(closing(node))
  return { ...service(server, [node]), node }
}

/** An indexer on a port of its own. @throws {PortInUseError} */
export async function startIndexer(options: IndexerOptions & ListenOptions): Promise<StorageService> {
  const indexer = await openIndexer(options)
  const server = await listen(options.env, options, indexer).catch(closing(indexer))
  await indexer.start()
  return service(server, [indexer])
}

/**
 * Indexer and first node on one port; `furtherNodeUrls` are the other nodes that the indexer names.
 * @throws {PortInUseError} {LogCorruptError}
 */
export async function startStorage(
  options: StorageNodeOptions & ListenOptions & { furtherNodeUrls?: readonly string[] },
): Promise<StorageService> {
  const { env, chainId, flowAddress, disk = env.disk, furtherNodeUrls = [] } = options
  const node = await openStorageNode(options)
  const nodeUrls = [...furtherNodeUrls]
  const own = { env, chainId, flowAddress, disk: disk.folder('indexer'), nodeUrls, local: node.content }
  const indexer = await openIndexer(own).catch(closing(node))
  const server = await listen(env, options, {
    methods: { ...node.methods, ...indexer.methods },
    content: indexer.content,
    routes: indexer.routes,
  }).catch(closing({ close: () => closeAll([indexer, node]) }))
  nodeUrls.unshift(server.url)
  await indexer.start()
  return { ...service(server, [indexer, node]), node }
}

function listen(
  env: Env,
  { port, host, allowedHosts, inFlightBytesMax = 48 * 1024 * 1024 }: ListenOptions,
  parts: Omit<HandlerParts, 'budget' | 'log'>,
): Promise<Server> {
  const { methods, content, routes } = parts
  const budget = createByteBudget(inFlightBytesMax)
  return env.network.serve({
    port,
    ...(host ? { host } : {}),
    ...(allowedHosts ? { allowedHosts } : {}),
    // What is stored is public, and checked by its root; `admin_*` look at the origin themselves.
    allowedOrigins: '*',
    bodyBytesMax,
    connectionsMax: 8_192,
    handler: createStorageHandler({ methods, content, routes, budget, log: env.log.child('storage') }),
  })
}

function service(server: Server, parts: readonly { close(): Promise<void> }[]): StorageService {
  return {
    url: server.url,
    port: server.port,
    async close() {
      await server.close()
      await closeAll(parts)
    },
  }
}

async function closeAll(parts: readonly { close(): Promise<void> }[]): Promise<void> {
  for (const part of parts) await part.close()
}

const closing =
  (part: { close(): Promise<void> }) =>
  async (fault: unknown): Promise<never> => {
    await part.close()
    throw fault
  }
