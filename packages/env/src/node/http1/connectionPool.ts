/** Connections that are kept for the next request to the same server. */
import { ClientConnection } from './clientConnection.ts'

export type ConnectionPool = {
  /** A kept one, or a new one. @param fresh - a new one */
  take(host: string, port: number, fresh: boolean): ClientConnection
  /** Ends all, those in use too. */
  close(): void
}

/** Kept ones to one server, and servers to which any are kept; as node:http bounds them. */
const keptMax = 256
const serversMax = 4_096

export function createConnectionPool(): ConnectionPool {
  const all = new Set<ClientConnection>()
  const kept = new Map<string, ClientConnection[]>()

  function keep(place: string, connection: ClientConnection): void {
    let free = kept.get(place)
    if (!free) {
      if (kept.size >= serversMax) return connection.destroy(new Error('not kept'))
      free = []
      kept.set(place, free)
    }
    if (free.length >= keptMax) return connection.destroy(new Error('not kept'))
    free.push(connection)
    // Whoever has nothing else to do need not wait for it.
    connection.socket.unref()
  }

  function forget(place: string, connection: ClientConnection): void {
    all.delete(connection)
    const free = kept.get(place)
    const at = free?.indexOf(connection) ?? -1
    if (at >= 0) free!.splice(at, 1)
    if (free?.length === 0) kept.delete(place)
  }

  function open(place: string, host: string, port: number, isKept: boolean): ClientConnection {
    const connection = new ClientConnection({
      host,
      port,
      onFree: (free) => (isKept ? keep(place, free) : free.destroy(new Error('not kept'))),
      onClosed: (closed) => forget(place, closed),
    })
    all.add(connection)
    return connection
  }

  return {
    take(host, port, fresh) {
      const place = `${host}:${port}`
      const free = fresh ? undefined : kept.get(place)
      // The newest: the others may end in peace.
      for (let connection = free?.pop(); connection; connection = free?.pop()) {
        if (connection.socket.destroyed) continue
        if (performance.now() < connection.keptUntilMs) {
          connection.socket.ref()
          return connection
        }
        connection.destroy(new Error('not kept'))
      }
      return open(place, host, port, !fresh)
    },
    close() {
      for (const connection of all) connection.destroy(new Error('ECONNRESET'))
    },
  }
}
