/**
 * Lets connections in only as fast as bodies are taken. A request that waits for its turn is not read any more, but what had
 * arrived by then stays in memory, some 200 KiB for each; so thousands of posts at once, as published clients send them,
 * would cost gigabytes. Beyond the bound a connection waits as the system accepted it, and costs nothing but itself.
 */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server as NetServer, type Socket } from 'node:net'

/** A connection that has sent no request by then counts no longer: silent clients keep nobody out. */
const silentMs = 1_000

export type Gate = {
  /** Listens in the place of the HTTP server. */
  front: NetServer
  /** Closes the connections that wait. */
  dropWaiting(): void
}

/** @param receivingMax - bodies that arrive at once */
export function gateConnections(http: HttpServer, receivingMax: number): Gate {
  const waiting = new Set<Socket>()
  const receiving = new Map<Socket, 'silent' | 'body'>()

  const pump = (): void => {
    for (const socket of waiting) {
      if (receiving.size >= receivingMax) return
      waiting.delete(socket)
      admit(socket)
    }
  }
  const release = (socket: Socket): void => {
    if (receiving.delete(socket)) pump()
  }
  const admit = (socket: Socket): void => {
    if (socket.destroyed) return
    receiving.set(socket, 'silent')
    const timer = setTimeout(() => {
      if (receiving.get(socket) === 'silent') release(socket)
    }, silentMs)
    timer.unref()
    socket.once('close', () => {
      clearTimeout(timer)
      release(socket)
    })
    http.emit('connection', socket)
    socket.resume()
  }

  const front = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, (socket) => {
    waiting.add(socket)
    const leave = (): void => void waiting.delete(socket)
    socket.once('close', leave).on('error', leave)
    pump()
  })
  // It is then that an HTTP server begins to watch over its time limits.
  front.on('listening', () => http.emit('listening'))
  http.prependListener('request', (message: IncomingMessage, response: ServerResponse) => {
    const { socket } = message
    const hasBody =
      Number(message.headers['content-length'] ?? 0) > 0 || message.headers['transfer-encoding'] !== undefined
    if (hasBody) {
      receiving.set(socket, 'body')
      message.once('end', () => release(socket)).once('close', () => release(socket))
    } else release(socket)
    // Whoever keeps a connection would come in past those that wait.
    if (waiting.size > 0) response.setHeader('connection', 'close')
  })
  http.prependListener('upgrade', ({ socket }: IncomingMessage) => release(socket))
  return {
    front,
    dropWaiting() {
      for (const socket of waiting) socket.destroy()
      waiting.clear()
    },
  }
}

/** Where nobody waits, nobody need be counted. @param accept - takes each connection */
export function openGate(http: HttpServer, accept: (socket: Socket) => void): Gate {
  const front = createServer({ noDelay: true, allowHalfOpen: true }, accept)
  front.on('listening', () => http.emit('listening'))
  return { front, dropWaiting: () => undefined }
}
