/** The network of one simulated host: names are host names; `127.0.0.1` and `localhost` are the host itself. */
import type { Network, ServeOptions, Socket } from '../env.ts'
import { AbortedError, NetworkError, PortInUseError } from '../faults.ts'
import { createMessageQueue, type MessageQueue } from '../messageQueue.ts'
import { type Connection, createConnection } from './simConnection.ts'
import { exchangeHttp } from './simHttp.ts'
import { type Life, later, type World } from './world.ts'

/** Every port that is served in the simulation, by `host:port`. */
export type Listeners = Map<string, { life: Life; options: ServeOptions; connections: Set<Connection> }>

export function createSimNetwork(world: World, life: Life, listeners: Listeners): Network {
  /** A connection to whoever listens there, or the reason why there is none, after the time that takes. */
  const dial = (
    url: URL,
    onOpen: (connection: Connection, options: ServeOptions) => void,
    refuse: (reason: string) => void,
  ) => {
    const [low, high] = world.faults.latencyMs
    later(world, life, world.random.between(low, high), `dial ${url.host}`, () => {
      const name = /^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname) ? life.host : url.hostname
      const listener = listeners.get(`${name}:${url.port || '80'}`)
      if (!listener?.life.alive) {
        world.fire('connection refused')
        return refuse('ECONNREFUSED')
      }
      const connection = createConnection(world, life, listener.life)
      listener.connections.add(connection)
      onOpen(connection, listener.options)
    })
  }
  return {
    serve: async (options) => {
      const port = options.port === 0 ? freePort(listeners, life.host) : options.port
      const address = `${life.host}:${port}`
      if (listeners.get(address)?.life.alive) throw new PortInUseError({ port, host: life.host })
      const connections = new Set<Connection>()
      const listener = { life, options, connections }
      if (life.alive) listeners.set(address, listener)
      const close = async (): Promise<void> => {
        if (listeners.get(address) === listener) listeners.delete(address)
        for (const connection of connections) connection.cut('the server closed')
      }
      const unlisten = async (): Promise<void> => {
        if (listeners.get(address) === listener) listeners.delete(address)
      }
      return { port, url: `http://${address}`, isShared: false, unlisten, close }
    },
    fetch: (url, options = {}) =>
      new Promise((resolve, reject) => {
        const target = URL.canParse(url) ? new URL(url) : undefined
        if (!target) return reject(new NetworkError({ url, reason: 'not an http or https address' }))
        if (options.signal?.aborted) return reject(new AbortedError({ cause: options.signal.reason }))
        dial(
          target,
          (connection, server) => exchangeHttp(world, connection, server, target, options, { resolve, reject }),
          (reason) => reject(new NetworkError({ url, reason }, { isUnsent: true })),
        )
      }),
    connect: (url, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(new AbortedError({ cause: signal.reason }))
        const refuse = (reason: string): void => reject(new NetworkError({ url, reason }))
        dial(
          new URL(url),
          (connection, { onSocket }) => {
            connection.onCut('client', refuse)
            connection.toServer('upgrade', 200, () => {
              if (!onSocket) return connection.cut('no WebSocket is served here')
              const [near, far] = createSocketPair(connection)
              connection.toClient('upgraded', 200, () => resolve(near))
              onSocket(far)
            })
          },
          refuse,
        )
      }),
  }
}

/** Both ends of one WebSocket. */
function createSocketPair(connection: Connection): [client: Socket, server: Socket] {
  const close = (): void => {
    atClient.end()
    atServer.end()
    connection.cut('closed')
  }
  const atClient = createMessageQueue<string>(undefined, close)
  const atServer = createMessageQueue<string>(undefined, close)
  connection.onCut('client', () => atClient.end())
  connection.onCut('server', () => atServer.end())
  const sender = (deliver: Connection['toClient'], queue: MessageQueue<string>) => {
    return (text: string): boolean => {
      if (connection.isOpen()) deliver('message', text.length, () => queue.push(text))
      return connection.isOpen()
    }
  }
  const { client, server } = connection
  return [
    { send: sender(connection.toServer, atServer), messages: atClient.messages, close, remoteAddress: server.host },
    { send: sender(connection.toClient, atClient), messages: atServer.messages, close, remoteAddress: client.host },
  ]
}

function freePort(listeners: Listeners, host: string): number {
  let port = 49_152
  while (listeners.has(`${host}:${port}`)) port++
  return port
}
