/** The machine's network: serves over node:http, fetches over connections of its own, WebSockets over ws. */
import { WebSocket } from 'ws'
import type { Log, Network, Server, Socket } from '../env.ts'
import { AbortedError, NetworkError } from '../faults.ts'
import { createHttpClient, fetchHttp } from './fetchHttp.ts'
import { serveHttp } from './serveHttp.ts'
import { wrapSocket } from './wrapSocket.ts'

/** `close` ends every server and connection made through it. */
export function createNodeNetwork(log: Log): Network & { close(): Promise<void> } {
  const client = createHttpClient()
  const servers = new Set<Server>()
  const sockets = new Set<WebSocket>()
  return {
    async serve(options) {
      const server = await serveHttp(options, log)
      const tracked: Server = {
        ...server,
        close: async () => {
          servers.delete(tracked)
          await server.close()
        },
      }
      servers.add(tracked)
      return tracked
    },
    fetch: (url, options) => fetchHttp(client, url, options),
    connect: (url, signal) => connect(url, signal, sockets),
    async close() {
      for (const ws of sockets) ws.terminate()
      client.close()
      await Promise.all([...servers].map((server) => server.close()))
    },
  }
}

function connect(url: string, signal: AbortSignal | undefined, sockets: Set<WebSocket>): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new AbortedError({ cause: signal.reason }))
    if (!/^wss?:\/\//.test(url) || !URL.canParse(url)) {
      return reject(new NetworkError({ url, reason: 'not a ws or wss address' }))
    }
    const ws = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: 30_000, maxPayload: 256 * 1024 * 1024 })
    sockets.add(ws)
    ws.once('close', () => sockets.delete(ws))
    const abort = (): void => {
      ws.terminate()
      reject(new AbortedError({ cause: signal?.reason }))
    }
    signal?.addEventListener('abort', abort, { once: true })
    ws.once('error', (cause: NodeJS.ErrnoException) => {
      signal?.removeEventListener('abort', abort)
      reject(new NetworkError({ url, reason: cause.code ?? cause.message }, { cause }))
    })
    // Wrapped before it opens: the first message may come in the same turn as the handshake.
    const socket = wrapSocket(ws, new URL(url).host, 64 * 1024 * 1024)
    ws.once('open', () => {
      signal?.removeEventListener('abort', abort)
      resolve(socket)
    })
  })
}
