/** One request over node:http: where a proxy or TLS stands between, and its answer as `network.fetch` promises it. */
import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { answerReaders, silenceMsDefault } from '../answerReaders.ts'
import type { FetchOptions, FetchResponse, HttpHeaders } from '../env.ts'
import { AbortedError, NetworkError } from '../faults.ts'
import { readMessage } from './receiveRequest.ts'

export type Agents = { http: HttpAgent; https: HttpsAgent; close(): void }

/** Connections to other machines honour HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
export function createAgents(): Agents {
  const outside = { keepAlive: true, proxyEnv: process.env }
  const [http, https] = [new HttpAgent(outside), new HttpsAgent(outside)]
  const close = (): void => {
    for (const agent of [http, https]) agent.destroy()
  }
  return { http, https, close }
}

export type NodePlace = { href: string; secure: boolean; target: RequestOptions }

type Facts = { url: string; reason: string }

/**
 * `stale`: a kept connection had been closed by the other end.
 * @throws {NetworkError} @throws {AbortedError}
 */
export function askNode(
  agents: Agents,
  place: NodePlace,
  options: FetchOptions,
  fresh: boolean,
): Promise<FetchResponse | 'stale'> {
  const { method = 'GET', headers, body, signal, timeoutMs = silenceMsDefault, connectMs } = options
  const { secure, target } = place
  const agent = fresh ? false : secure ? agents.https : agents.http
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new AbortedError({ cause: signal.reason }))
    const length = body === undefined ? {} : { 'content-length': bodyLength(body) }
    const asked = { ...target, method, agent, headers: { ...headers, ...length } }
    const request = (secure ? requestHttps : requestHttp)(asked)
    const stood = noteConnection(request)
    const timer = setTimeout(() => request.destroy(new NetworkError({ url: place.href, reason: 'timeout' })), timeoutMs)
    if (connectMs !== undefined && connectMs < timeoutMs) boundConnecting(request, place, connectMs)
    let answer: IncomingMessage | undefined
    const abort = (): void => {
      // When all has come, the connection may already carry somebody else's request.
      if (!answer?.complete) request.destroy(new AbortedError({ cause: signal?.reason }))
    }
    signal?.addEventListener('abort', abort, { once: true })
    request.once('close', () => signal?.removeEventListener('abort', abort))
    request.once('response', (message) => {
      clearTimeout(timer)
      answer = message
      resolve(wrapAnswer(message, request, place.href, options))
    })
    request.on('error', (cause: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      if (cause instanceof AbortedError) return reject(cause)
      const isUnsent = !stood()
      if (cause instanceof NetworkError) return reject(new NetworkError(cause.facts as Facts, { cause, isUnsent }))
      if (request.reusedSocket && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE')) return resolve('stale')
      reject(new NetworkError({ url: place.href, reason: cause.code ?? cause.message }, { cause, isUnsent }))
    })
    if (!isParts(body)) request.end(body)
    else {
      request.cork()
      for (const part of body) request.write(part)
      request.end()
    }
  })
}

/** Whether a connection stood at any time. */
function noteConnection(request: ClientRequest): () => boolean {
  let stood = false
  const note = () => {
    stood = true
  }
  request.once('socket', (socket) => {
    if (socket.connecting) socket.once('connect', note)
    else note()
  })
  return () => stood
}

/** A host that swallows packets would otherwise look like one that thinks for long. */
function boundConnecting(request: ClientRequest, place: NodePlace, connectMs: number): void {
  request.once('socket', (socket) => {
    if (!socket.connecting) return
    const fail = () => request.destroy(new NetworkError({ url: place.href, reason: 'no connection in time' }))
    const timer = setTimeout(fail, connectMs)
    const clear = () => clearTimeout(timer)
    socket.once('connect', clear).once('close', clear)
  })
}

function isParts(body: FetchOptions['body']): body is readonly Uint8Array[] {
  return Array.isArray(body)
}

function bodyLength(body: NonNullable<FetchOptions['body']>): number {
  return isParts(body) ? body.reduce((sum, part) => sum + part.length, 0) : Buffer.byteLength(body as Uint8Array)
}

function wrapAnswer(
  message: IncomingMessage,
  request: ClientRequest,
  url: string,
  options: FetchOptions,
): FetchResponse {
  message.on('error', () => undefined) // reported to whoever reads the body
  const body = { [Symbol.asyncIterator]: () => readAnswer(message, url, options) }
  return {
    status: message.statusCode ?? 0,
    headers: message.headers as HttpHeaders,
    body,
    isSent: () => request.writableFinished,
    ...answerReaders(body, url),
  }
}

async function* readAnswer(message: IncomingMessage, url: string, options: FetchOptions): AsyncGenerator<Uint8Array> {
  const { signal, timeoutMs = silenceMsDefault } = options
  const source = readMessage(message, Number.POSITIVE_INFINITY)
  let pulling = false
  const timer = setTimeout(() => {
    if (pulling) message.destroy(new NetworkError({ url, reason: 'timeout' }))
  }, timeoutMs)
  try {
    for (;;) {
      pulling = true
      timer.refresh()
      const { done, value } = await source.next()
      pulling = false
      if (done) return
      yield value
    }
  } catch (error) {
    if (signal?.aborted) throw new AbortedError({ cause: signal.reason })
    const cause = error instanceof AbortedError ? error.cause : error
    if (cause instanceof NetworkError || cause instanceof AbortedError) throw cause
    throw new NetworkError({ url, reason: 'the answer broke off' }, { cause })
  } finally {
    clearTimeout(timer)
    if (!message.complete) message.destroy()
  }
}
