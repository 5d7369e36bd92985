/** Puts a holder on a port of its own. */
import type { Hex } from '@weightless/codec'
import { fragmentsBodyMax, type Holder, type HolderOptions, openHolder } from './openHolder.ts'

export type HolderListenOptions = {
  /** 0 asks for any free port. */
  port: number
  host?: string
  allowedHosts?: readonly string[]
  /** Where others reach this node, if not under the address that it listens on. */
  publicUrl?: string
}

export type HolderService = { url: string; port: number; nodeId: Hex; holder: Holder; close(): Promise<void> }

/** @throws {PortInUseError} {LogCorruptError} */
export async function startHolder(options: Omit<HolderOptions, 'url'> & HolderListenOptions): Promise<HolderService> {
  const { env, port, host, allowedHosts, publicUrl } = options
  let url = publicUrl ?? ''
  const holder = await openHolder({ ...options, url: () => url })
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
  return {
    url: server.url,
    port: server.port,
    nodeId: holder.nodeId,
    holder,
    async close() {
      await server.close()
      await holder.close()
    },
  }
}
