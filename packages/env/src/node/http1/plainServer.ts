/** Connections with plain requests of one server: handed on, watched over, and ended with it. */
import type { Socket } from 'node:net'
import type { PlainRequest } from './plainRequest.ts'
import { ServerConnection } from './serverConnection.ts'

export type PlainServer = {
  /** Of a client that has just come. */
  accept(socket: Socket): void
  /** Ends those that carry nothing, and the others after what they carry. */
  end(): void
  /** Ends all. */
  cut(): void
}

export type PlainServerOptions = {
  bodyBytesMax: number
  stallMsMax: number
  /** Milliseconds until a client has to have sent its first bytes, until a body has to be here, and between two requests. */
  silentMsMax: number
  receiveMsMax: number
  keepAliveMs: number
  onRequest(request: PlainRequest, connection: ServerConnection): void
  onOther(socket: Socket, bytes: Buffer): void
}

const lookMs = 1_000

export function createPlainServer(options: PlainServerOptions): PlainServer {
  const { bodyBytesMax, stallMsMax, onRequest, onOther, keepAliveMs } = options
  const connections = new Set<ServerConnection>()
  let looking: NodeJS.Timeout | undefined
  let isEnding = false

  const onClosed = (connection: ServerConnection): void => {
    connections.delete(connection)
    if (connections.size > 0) return
    clearInterval(looking)
    looking = undefined
  }
  const keepAliveSeconds = Math.floor(keepAliveMs / 1000)
  const each = { bodyBytesMax, stallMsMax, keepAliveSeconds, onRequest, onOther, onClosed }

  function look(): void {
    const nowMs = performance.now()
    for (const connection of connections) {
      const limitMs = limitOf(connection, options)
      if (limitMs !== undefined && nowMs - connection.sinceMs > limitMs) connection.socket.destroy()
    }
  }

  return {
    accept(socket) {
      const connection = new ServerConnection(socket, each)
      connections.add(connection)
      if (isEnding) return connection.end()
      looking ??= setInterval(look, lookMs).unref()
    },
    end() {
      isEnding = true
      for (const connection of connections) connection.end()
    },
    cut() {
      for (const { socket } of connections) socket.destroy()
    },
  }
}

/** Milliseconds for which it may stay as it is. */
function limitOf(connection: ServerConnection, { silentMsMax, receiveMsMax, keepAliveMs }: PlainServerOptions) {
  if (connection.isReceiving) return receiveMsMax
  if (!connection.isIdle) return undefined
  return connection.isKept ? keepAliveMs : silentMsMax
}
