/** HTTP between simulated hosts: the same requests, bodies and answers as in `env/node`, piece by piece over a connection. */

import { concatBytes, textToBytes } from '@weightless/codec'
import { answerReaders } from '../answerReaders.ts'
import type { FetchOptions, FetchResponse, HttpHeaders, HttpResponse, ServeOptions } from '../env.ts'
import { AbortedError, BodyTooLargeError, NetworkError } from '../faults.ts'
import { createMessageQueue } from '../messageQueue.ts'
import type { Connection } from './simConnection.ts'
import { later, type World } from './world.ts'

type Answer = { resolve(response: FetchResponse): void; reject(error: unknown): void }

/** Sends a request over a new connection; the answer settles `answer`. */
export function exchangeHttp(
  world: World,
  connection: Connection,
  server: ServeOptions,
  url: URL,
  options: FetchOptions,
  answer: Answer,
): void {
  const { method = 'GET', signal, timeoutMs = 120_000 } = options
  const incoming = createMessageQueue<Uint8Array>(
    () => connection.toServer('pull', 0, () => pull.next()),
    () => connection.cut('the client left'),
  )
  const fail = (error: unknown): void => {
    answer.reject(error)
    incoming.end(error)
  }
  connection.onCut('client', (reason) => fail(new NetworkError({ url: url.href, reason })))
  const abort = (): void => {
    fail(new AbortedError({ cause: signal?.reason }))
    connection.cut('the client left')
  }
  if (signal?.aborted) return abort()
  signal?.addEventListener('abort', abort, { once: true })
  let heardMs = world.loop.nowMs()
  const watch = (): void => {
    if (!connection.isOpen()) return
    const silentMs = world.loop.nowMs() - heardMs
    // A rest that is less than the clock can tell would come due at this very moment, for ever.
    const restMs = Math.max(0.001, timeoutMs - silentMs)
    if (silentMs < timeoutMs) return later(world, connection.client, restMs, 'watch', watch)
    fail(new NetworkError({ url: url.href, reason: 'timeout' }))
    connection.cut('the client left')
  }
  later(world, connection.client, timeoutMs, 'watch', watch)

  const pull = { next: (): void => {} }
  const reply: Reply = {
    head: (status, headers) => {
      heardMs = world.loop.nowMs()
      answer.resolve(wrapAnswer(status, headers, incoming.messages, url.href))
    },
    piece: (bytes) => {
      heardMs = world.loop.nowMs()
      incoming.push(bytes)
    },
    end: () => {
      connection.finish()
      signal?.removeEventListener('abort', abort)
      incoming.end()
    },
    onPull: (run) => {
      pull.next = run
    },
  }
  const body = toBytes(options.body)
  connection.toServer(`${method} ${url.pathname}`, body.length, () => {
    const arrived = { method, url, headers: lowerCase(options.headers), body }
    serveRequest(connection, server, arrived, reply, createLiar(world, connection))
  })
}

type Reply = {
  head(status: number, headers: HttpHeaders): void
  piece(bytes: Uint8Array): void
  end(): void
  /** Called at the server whenever the client has taken a piece. */
  onPull(run: () => void): void
}

type Arrived = { method: string; url: URL; headers: HttpHeaders; body: Uint8Array }

/** The server's end: calls the handler and sends what it answers, one piece ahead of the reader. */
async function serveRequest(
  connection: Connection,
  server: ServeOptions,
  request: Arrived,
  reply: Reply,
  change: (piece: Uint8Array) => Uint8Array,
): Promise<void> {
  const { method, url, headers, body } = request
  const controller = new AbortController()
  const bodyBytesMax = server.bodyBytesMax ?? 64 * 1024 * 1024
  connection.onCut('server', () => controller.abort(new AbortedError()))
  let response: HttpResponse
  try {
    if (body.length > bodyBytesMax) throw new BodyTooLargeError({ bytesMax: bodyBytesMax })
    response = await server.handler({
      method,
      path: url.pathname,
      query: url.searchParams,
      headers,
      remoteAddress: connection.client.host,
      body: cutUp(body),
      signal: controller.signal,
    })
  } catch (error) {
    response = { status: error instanceof BodyTooLargeError ? 413 : 500, body: '{"error":{"message":"failed"}}' }
  }
  const { status } = response
  connection.toClient(`${status}`, 200, () => reply.head(status, lowerCase(response.headers)))
  await sendBody(connection, method === 'HEAD' ? undefined : response.body, reply, change)
}

async function sendBody(
  connection: Connection,
  body: HttpResponse['body'],
  reply: Reply,
  change: (piece: Uint8Array) => Uint8Array,
): Promise<void> {
  const isWhole = body === undefined || typeof body === 'string' || body instanceof Uint8Array
  const source = (isWhole ? cutUp(toBytes(body)) : body)[Symbol.asyncIterator]()
  connection.onCut('server', () => void source.return?.().catch(() => undefined))
  let credit = 2
  let wake: (() => void) | undefined
  reply.onPull(() => {
    credit++
    wake?.()
  })
  try {
    while (connection.isOpen()) {
      if (credit === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        continue
      }
      const { done, value } = await source.next()
      if (done) break
      credit--
      const bytes = change(toBytes(value))
      connection.toClient('piece', bytes.length, () => reply.piece(bytes))
    }
    connection.toClient('end', 0, reply.end)
  } catch {
    connection.cut('the answer broke off')
  }
}

/** Changes a bit of a piece where its server lies. */
function createLiar(world: World, { server }: Connection): (piece: Uint8Array) => Uint8Array {
  return (piece) => {
    const { lieChance } = world.hostFaults(server.host)
    if (piece.length === 0 || lieChance === 0 || !world.random.chance(lieChance)) return piece
    world.fire('answer changed')
    const changed = piece.slice()
    changed[world.random.integer(piece.length)]! ^= 1 << world.random.integer(8)
    return changed
  }
}

function wrapAnswer(status: number, headers: HttpHeaders, body: AsyncIterable<Uint8Array>, url: string): FetchResponse {
  return { status, headers, body, isSent: () => true, ...answerReaders(body, url) }
}

async function* cutUp(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.slice(at, at + pieceBytes)
}

function toBytes(body: FetchOptions['body']): Uint8Array {
  if (body === undefined) return new Uint8Array(0)
  if (typeof body === 'string') return textToBytes(body)
  return body instanceof Uint8Array ? body.slice() : concatBytes(body)
}

function lowerCase(headers: HttpHeaders = {}): HttpHeaders {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]))
}

const pieceBytes = 65_536
