/** Puts storage nodes and indexers on ports: each on its own, or both on one as the devnet has them. */
import type { Env, Server } from '@weightless/env'
import type { PeerNetwork } from '@weightless/p2p'
import { createCodingClient } from './gateway/codingClient.ts'
import { viewRegistry } from './gateway/networkView.ts'
import type { GatewayOptions } from './gateway/openGateway.ts'
import { bodyBufferBytes, bodyBytesMax, createStorageHandler, type HandlerParts } from './http/storageHandler.ts'
import { type IndexerOptions, openIndexer } from './indexer/indexer.ts'
import { openRegistry, type RegistryOptions } from './indexer/registry.ts'
import { createBufferRoom } from './node/bufferRoom.ts'
import { createByteBudget } from './node/byteBudget.ts'
import { openStorageNode, type StorageNode, type StorageNodeOptions } from './node/storageNode.ts'
import { joinAsIndexer } from './peers/joinAsIndexer.ts'
import { createFileLocator } from './peers/locateFiles.ts'
import type { PeerJoin } from './peers/peerJoin.ts'
import { createPeerMethods } from './peers/peerMethods.ts'
import { reportHolder } from './peers/reportHolder.ts'
import type { SignedPlacement } from './wire/index.ts'

export type ListenOptions = {
  /** 0 asks for any free port. */
  port: number
  host?: string
  allowedHosts?: readonly string[]
  /** Bytes of uploads in flight before sockets are no longer read; default 8 MiB, of which JSON makes several times as many. */
  inFlightBytesMax?: number
}

export type StorageService = {
  url: string
  port: number
  node?: StorageNode
  /** The peers that it joined. */
  network?: PeerNetwork
  close(): Promise<void>
}

/** A storage node on a port of its own. @throws {PortInUseError} {LogCorruptError} */
export async function startStorageNode(options: StorageNodeOptions & ListenOptions): Promise<StorageService> {
  const node = await openStorageNode(options)
  const { methods, content } = node
  const server = await listen(options.env, options, { methods, content, routes: [] }).catch(closing(node))
  return { ...service(server, [node]), node }
}

/** An indexer on a port of its own. @throws {PortInUseError} {LogCorruptError} */
export async function startIndexer(
  options: Omit<IndexerOptions, 'registry' | 'local'> & RegistryOptions & ListenOptions,
): Promise<StorageService> {
  const registry = await openRegistry(options)
  const indexer = openIndexer({ ...options, registry })
  const server = await listen(options.env, options, indexer).catch(closing(indexer))
  await indexer.start()
  return service(server, [indexer])
}

export type StorageOptions = Omit<StorageNodeOptions, 'coded'> &
  ListenOptions & {
    /** Further whole-file nodes that the indexer names. */
    furtherNodeUrls?: readonly string[]
    /** Files are coded and spread over the nodes that announce themselves here; without it they stay whole. */
    coded?: Omit<GatewayOptions, 'view' | 'coding'>
    /** Joins the peer-to-peer network, to locate what the registry does not know and to keep the score of holders. */
    p2p?: PeerJoin
  }

/**
 * Indexer and first node on one port: a gateway to coded storage with `coded`, else a node that keeps whole files.
 * @throws {PortInUseError} {LogCorruptError} {PeerListenError}
 */
export async function startStorage(options: StorageOptions): Promise<StorageService> {
  const { env, chainId, flowAddress, disk = env.disk, furtherNodeUrls = [], coded, p2p, ...rest } = options
  const registry = await openRegistry({ env, disk: disk.folder('indexer'), chainId, flowAddress })
  const network =
    p2p && (await joinAsIndexer({ env, chainId, flowAddress, registry, join: p2p }).catch(closing(registry)))
  const locator = createFileLocator(env.clock, registry, network)
  const coding = createCodingClient(env, network && ((report) => reportHolder(network, report)))
  const announce = network && ((placement: SignedPlacement) => network.publish('placement', placement))
  const gateway = coded && { ...coded, view: viewRegistry(registry, locator, announce), coding }
  const node = await openStorageNode({
    ...rest,
    ...{ env, disk, chainId, flowAddress },
    ...(gateway && { coded: gateway }),
  }).catch(closing({ close: () => closeAll(network ? [network, registry] : [registry]) }))
  const nodeUrls = [...furtherNodeUrls]
  const indexer = openIndexer({ env, registry, locator, nodeUrls, local: node.content })
  const parts = [...(network ? [network] : []), node, indexer]
  const server = await listen(env, options, {
    methods: {
      ...node.methods,
      ...(network && createPeerMethods(env.clock, () => network, node.methods)),
      ...indexer.methods,
    },
    content: indexer.content,
    routes: indexer.routes,
  }).catch(closing({ close: () => closeAll(parts) }))
  nodeUrls.unshift(server.url)
  await indexer.start()
  return { ...service(server, parts), node, ...(network && { network }) }
}

function listen(
  env: Env,
  { port, host, allowedHosts, inFlightBytesMax = 8 * 1024 * 1024 }: ListenOptions,
  parts: Omit<HandlerParts, 'room' | 'log'>,
): Promise<Server> {
  const { methods, content, routes } = parts
  const room = createBufferRoom(createByteBudget(inFlightBytesMax), bodyBufferBytes)
  return env.network.serve({
    port,
    ...(host ? { host } : {}),
    ...(allowedHosts ? { allowedHosts } : {}),
    // What is stored is public, and checked by its root; `admin_*` look at the origin themselves.
    allowedOrigins: '*',
    bodyBytesMax,
    connectionsMax: 8_192,
    // Published clients post every segment of a file at once.
    receivingMax: 64,
    handler: createStorageHandler({ methods, content, routes, room, log: env.log.child('storage') }),
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
