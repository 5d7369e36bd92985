/** Puts a holder on a port of its own. */
import type { Hex } from '@weightless/codec'
import type { PeerNetwork } from '@weightless/p2p'
import { type JoinedHolder, joinAsHolder } from '../peers/joinAsHolder.ts'
import type { PeerJoin } from '../peers/peerJoin.ts'
import type { HolderOptions } from './holderOptions.ts'
import { fragmentsBodyMax, type Holder, openHolder } from './openHolder.ts'

export type HolderListenOptions = {
  /** 0 asks for any free port. */
  port: number
  host?: string
  allowedHosts?: readonly string[]
  /** Where others reach this node, if not under the address that it listens on. */
  publicUrl?: string
  /** Joins the peer-to-peer network; without it the node is known to indexers and URLs alone. */
  p2p?: PeerJoin
}

export type HolderService = {
  url: string
  port: number
  nodeId: Hex
  holder: Holder
  network?: PeerNetwork
  close(): Promise<void>
}

/** @throws {PortInUseError} {LogCorruptError} {PeerListenError} */
export async function startHolder(
  options: Omit<HolderOptions, 'url' | 'network'> & HolderListenOptions,
): Promise<HolderService> {
  const { env, port, host, allowedHosts, publicUrl, p2p } = options
  let url = publicUrl ?? ''
  let addresses: readonly string[] = []
  let joined: JoinedHolder | undefined
  const holder = await openHolder({
    ...options,
    url: () => url,
    addresses: options.addresses ?? (() => addresses),
    network: () => joined?.network,
    onPlaced(placement) {
      joined?.onPlaced(placement)
      options.onPlaced?.(placement)
    },
    onPruned(root) {
      joined?.network.unprovide(root)
      options.onPruned?.(root)
    },
  })
  const server = await env.network
    .serve({
      port,
      ...(host ? { host } : {}),
      ...(allowedHosts ? { allowedHosts } : {}),
      // What is stored is public, and checked by its root; `admin_*` look at the origin themselves.
      allowedOrigins: '*',
      bodyBytesMax: fragmentsBodyMax,
      connectionsMax: 8_192,
      handler: holder.handler,
    })
    .catch(async (fault: unknown) => {
      await holder.close()
      throw fault
    })
  url = publicUrl ?? server.url
  const close = async (): Promise<void> => {
    await joined?.close()
    await server.close()
    await holder.close()
  }
  if (p2p) {
    const onAddresses = (own: readonly string[]): void => {
      addresses = own
    }
    joined = await joinAsHolder({ ...options, join: p2p, holder, onAddresses }).catch(async (fault: unknown) => {
      await close()
      throw fault
    })
  }
  return {
    url: server.url,
    port: server.port,
    nodeId: holder.nodeId,
    holder,
    ...(joined && { network: joined.network }),
    close,
  }
}
