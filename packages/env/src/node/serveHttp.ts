/**
 * `network.serve`: one port for requests and WebSockets, bounded, closed for good by `close`. Plain requests are read by a
 * reader of our own (`http1`); everything else is node:http's and ws's.
 */
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http'
import {
  type AddressInfo,
  createServer as createNetServer,
  type Server as NetServer,
  type Socket as TcpSocket,
} from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { HttpHeaders, HttpResponse, Log, ServeOptions, Server } from '../env.ts'
import { BodyTooLargeError, NetworkError, PortInUseError } from '../faults.ts'
import { checkOrigin, type OriginRules } from './checkOrigin.ts'
import { type Gate, gateConnections, openGate } from './gateConnections.ts'
import type { PlainRequest } from './http1/plainRequest.ts'
import { createPlainServer, type PlainServer } from './http1/plainServer.ts'
import type { ServerConnection } from './http1/serverConnection.ts'
import { NodeRequest } from './receiveRequest.ts'
import { sendResponse } from './sendResponse.ts'
import { wrapSocket } from './wrapSocket.ts'

/** @throws {PortInUseError} @throws {NetworkError} the address cannot be bound for any other reason */
export async function serveHttp(options: ServeOptions, log: Log): Promise<Server> {
  const { host = '127.0.0.1', bodyBytesMax = bodyBytesMaxDefault } = options
  const rules: OriginRules = {
    allowedHosts: new Set([host, ...(options.allowedHosts ?? [])].map((name) => name.toLowerCase())),
    allowedOrigins: options.allowedOrigins === '*' ? '*' : new Set(options.allowedOrigins ?? []),
  }
  const http = createServer({
    noDelay: true,
    keepAliveTimeout: keepAliveMs,
    headersTimeout: headersMsMax,
    requestTimeout: requestMsMax,
  })
  const plain = createPlainServer({
    bodyBytesMax,
    stallMsMax: options.stallMsMax ?? stallMsMaxDefault,
    silentMsMax: headersMsMax,
    receiveMsMax: requestMsMax,
    keepAliveMs,
    onRequest: (request, connection) => void answerPlain(request, connection, { ...options, bodyBytesMax }, rules, log),
    onOther(socket, bytes) {
      socket.pause()
      socket.unshift(bytes)
      http.emit('connection', socket)
      socket.resume()
    },
  })
  const { receivingMax } = options
  // What counts bodies as they arrive counts those of node:http.
  const gate = receivingMax === undefined ? openGate(http, plain.accept) : gateConnections(http, receivingMax)
  const { front } = gate
  front.maxConnections = options.connectionsMax ?? 4096
  http.on('request', (message, response) => {
    answer(message, response, { ...options, bodyBytesMax }, rules, log)
  })
  const sockets = new WebSocketServer({ noServer: true, maxPayload: bodyBytesMax, perMessageDeflate: false })
  http.on('upgrade', (message: IncomingMessage, tcp: TcpSocket, head: Buffer) => {
    tcp.on('error', () => tcp.destroy())
    const { onSocket } = options
    const refused = onSocket ? checkOrigin(message, rules) : 'no WebSocket is served here'
    if (refused !== undefined || !onSocket) return refuseUpgrade(tcp, refused ?? '')
    sockets.handleUpgrade(message, tcp, head, (ws: WebSocket) => {
      onSocket(wrapSocket(ws, tcp.remoteAddress ?? '', options.bufferedBytesMax ?? bufferedBytesMaxDefault))
    })
  })
  const isShared = await listen(front, options.port, host, options.sharePort)
  const { port } = front.address() as AddressInfo
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host
  return {
    port,
    url: `http://${shown}:${port}`,
    isShared,
    unlisten: async () => {
      await unlisten(front)
    },
    close: () => closeAll(gate, plain, http, sockets),
  }
}

/** Whether the port is shared. */
async function listen(
  front: NetServer,
  port: number,
  host: string,
  sharePort: ServeOptions['sharePort'],
): Promise<boolean> {
  if (sharePort === undefined) {
    await bind(front, { port, host })
    return false
  }
  if (sharePort === 'own' && port !== 0) {
    // Whoever listens already, sharing or not, is in the way of this one.
    const probe = createNetServer()
    await bind(probe, { port, host })
    await new Promise((resolve) => probe.close(resolve))
  }
  try {
    await bind(front, { port, host, reusePort: true })
    return true
  } catch (fault) {
    const isUnsupported =
      fault instanceof NetworkError && /^(ENOTSUP|EOPNOTSUPP|EINVAL|ENOPROTOOPT)$/.test(String(fault.facts.reason))
    if (!isUnsupported || sharePort === 'join') throw fault
    await bind(front, { port, host })
    return false
  }
}

function bind(front: NetServer, address: { port: number; host: string; reusePort?: boolean }): Promise<void> {
  const { port, host } = address
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException): void => {
      if (cause.code === 'EADDRINUSE') reject(new PortInUseError({ port, host }, { cause }))
      else reject(new NetworkError({ url: `http://${host}:${port}`, reason: cause.code ?? cause.message }, { cause }))
    }
    front.once('error', fail)
    front.listen({ ...address, backlog: 1024 }, () => {
      front.off('error', fail)
      resolve()
    })
  })
}

/** Servers that listen no more, with the end of their last connection. */
const closing = new WeakMap<NetServer, Promise<void>>()

/** Right after the connections that the system had accepted were taken: between the two one would be reset. */
function unlisten(front: NetServer): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => {
      if (front.listening) closing.set(front, new Promise<void>((ended) => front.close(() => ended())))
      resolve()
    })
  })
}

async function closeAll(
  { front, dropWaiting }: Gate,
  plain: PlainServer,
  http: HttpServer,
  sockets: WebSocketServer,
): Promise<void> {
  for (const ws of sockets.clients) ws.terminate()
  sockets.close()
  const ending = closing.get(front)
  if (!front.listening && !ending) return
  const closed = ending ?? new Promise<void>((resolve) => front.close(() => resolve()))
  dropWaiting()
  plain.end()
  // It does not listen itself, but has time limits to stop and idle connections to close.
  http.close()
  const cut = setTimeout(() => {
    plain.cut()
    http.closeAllConnections()
  }, closeGraceMs)
  await closed
  clearTimeout(cut)
}

async function answer(
  message: IncomingMessage,
  response: ServerResponse,
  options: ServeOptions & { bodyBytesMax: number },
  rules: OriginRules,
  log: Log,
): Promise<void> {
  const { bodyBytesMax, stallMsMax = stallMsMaxDefault } = options
  try {
    const refused = checkOrigin(message, rules)
    if (refused !== undefined) return await sendResponse(response, problem(403, refused), undefined, stallMsMax)
    const { origin } = message.headers
    const shared = origin === undefined ? undefined : sharing(origin)
    if (shared && message.method === 'OPTIONS' && message.headers['access-control-request-method'] !== undefined) {
      return await sendResponse(response, { status: 204 }, { ...shared, ...preflight(message) }, stallMsMax)
    }
    if (Number(message.headers['content-length'] ?? 0) > bodyBytesMax) {
      return refuseBody(message, response, bodyBytesMax, shared)
    }
    let result: HttpResponse
    try {
      result = await options.handler(new NodeRequest(message, response, bodyBytesMax))
    } catch (error) {
      if (error instanceof BodyTooLargeError) return refuseBody(message, response, error.facts.bytesMax, shared)
      if (message.errored || response.destroyed) return
      log.error('request failed', { method: message.method, path: message.url, error: String(error) })
      result = problem(500, 'The server failed to answer; its log says why.')
    }
    await sendResponse(response, result, shared, stallMsMax)
  } catch (error) {
    log.error('answer broken off', { method: message.method, path: message.url, error: String(error) })
    response.destroy()
  }
}

/** The same for requests that this server reads itself: their hosts and pages are looked at alike, no body is too long. */
async function answerPlain(
  request: PlainRequest,
  connection: ServerConnection,
  { handler }: ServeOptions,
  rules: OriginRules,
  log: Log,
): Promise<void> {
  const { headers, method, path } = request
  const { socket } = connection
  try {
    const refused = checkOrigin({ headers, socket }, rules)
    if (refused !== undefined) return await connection.send(problem(403, refused), undefined)
    const shared = headers.origin === undefined ? undefined : sharing(headers.origin)
    let result: HttpResponse
    try {
      result = await handler(request)
    } catch (error) {
      if (socket.destroyed) return
      if (error instanceof BodyTooLargeError) result = problem(413, tooLong(error.facts.bytesMax))
      else {
        log.error('request failed', { method, path, error: String(error) })
        result = problem(500, 'The server failed to answer; its log says why.')
      }
    }
    await connection.send(result, shared)
  } catch (error) {
    log.error('answer broken off', { method, path, error: String(error) })
    socket.destroy()
  }
}

const tooLong = (bytesMax: unknown): string => `The body is longer than the ${String(bytesMax)} bytes allowed.`

function problem(status: number, text: string): HttpResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ error: { message: text } }) }
}

function sharing(origin: string): HttpHeaders {
  return { 'access-control-allow-origin': origin, vary: 'Origin', 'access-control-expose-headers': '*' }
}

function preflight({ headers }: IncomingMessage): OutgoingHttpHeaders {
  return {
    'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
    'access-control-allow-headers':
      headers['access-control-request-headers'] ?? 'Range, Authorization, Content-Type, x-weightless-receipt',
    'access-control-max-age': '7200',
    ...(headers['access-control-request-private-network'] && { 'access-control-allow-private-network': 'true' }),
  }
}

/**
 * Says 413 and reads on for a moment: closing a socket with unread bytes resets it, and the answer would be lost with it.
 */
function refuseBody(
  message: IncomingMessage,
  response: ServerResponse,
  bytesMax: unknown,
  shared?: OutgoingHttpHeaders,
) {
  if (response.headersSent) return void response.destroy()
  const { headers, body } = problem(413, tooLong(bytesMax))
  response.writeHead(413, { ...shared, ...headers, 'content-length': String(body).length, connection: 'close' })
  response.write(body)
  const end = setTimeout(() => response.end(), lingerMs)
  message.resume().once('end', () => response.end())
  response.once('close', () => clearTimeout(end))
}

function refuseUpgrade(tcp: TcpSocket, reason: string): void {
  tcp.end(`HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n${reason}\n`)
}

const bodyBytesMaxDefault = 64 * 1024 * 1024
const bufferedBytesMaxDefault = 16 * 1024 * 1024
const stallMsMaxDefault = 60_000
const [headersMsMax, requestMsMax, keepAliveMs] = [15_000, 600_000, 65_000]
const closeGraceMs = 500
const lingerMs = 1_000
