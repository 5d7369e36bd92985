/** `network.fetch` over node:http with kept-alive connections. */
import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { urlToHttpOptions } from 'node:url'
import { bytesToText } from '@weightless/codec'
import type { FetchOptions, FetchResponse, HttpHeaders } from '../env.ts'
import { AbortedError, NetworkError } from '../faults.ts'
import { readBody } from '../readBody.ts'
import { readMessage } from './receiveRequest.ts'

export type Agents = { loopback: HttpAgent; http: HttpAgent; https: HttpsAgent; close(): void }

/** Connections to other machines honour HTTP_PROXY, HTTPS_PROXY and NO_PROXY; loopback never goes through a proxy. */
export function createAgents(): Agents {
  const outside = { keepAlive: true, proxyEnv: process.env }
  const loopback = new HttpAgent({ keepAlive: true })
  const http = new HttpAgent(outside)
  const https = new HttpsAgent(outside)
  const close = (): void => {
    for (const agent of [loopback, http, https]) agent.destroy()
  }
  return { loopback, http, https, close }
}

/** Follows redirects of GET and HEAD. @throws {NetworkError} @throws {AbortedError} */
export async function fetchHttp(agents: Agents, url: string, options: FetchOptions = {}): Promise<FetchResponse> {
  let at = parse(url)
  let headers = options.headers ?? {}
  for (let hop = 0; hop <= redirectsMax; hop++) {
    const { message, request } = await askOnceMore(agents, at, { ...options, headers })
    const next = redirectOf(message, options.method ?? 'GET')
    if (next === undefined) return wrapAnswer(message, request, at.href, options)
    message.resume()
    const target = parse(new URL(next, at.href).href)
    if (target.origin !== at.origin) headers = withoutSecrets(headers)
    at = target
  }
  throw new NetworkError({ url, reason: 'too many redirects' })
}

type Facts = { url: string; reason: string }
type Exchange = { message: IncomingMessage; request: ClientRequest }

/** An address, parsed. */
type Place = { href: string; origin: string; secure: boolean; isLoopback: boolean; target: RequestOptions }

/** Services are asked at the same few addresses over and over, and parsing one takes as long as hashing a request. */
const placesMax = 256
const placeCharactersMax = 512
const places = new Map<string, Place>()

function parse(url: string): Place {
  const known = places.get(url)
  if (known) return known
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (!parsed || !/^https?:$/.test(parsed.protocol)) {
    throw new NetworkError({ url, reason: 'not an http or https address' })
  }
  const { href, origin, protocol, hostname } = parsed
  const isLoopback = /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname)
  const place = { href, origin, secure: protocol === 'https:', isLoopback, target: urlToHttpOptions(parsed) }
  if (places.size >= placesMax) places.clear()
  if (url.length <= placeCharactersMax) places.set(url, place)
  return place
}

/** A kept-alive connection may have been closed by the other end while the request was on its way: then once more. */
async function askOnceMore(agents: Agents, place: Place, options: FetchOptions): Promise<Exchange> {
  const first = await ask(agents, place, options)
  if (first !== 'stale') return first
  // The first may have arrived, whatever becomes of the second.
  const second = await ask(agents, place, options, true).catch(asSent)
  if (second !== 'stale') return second
  throw new NetworkError({ url: place.href, reason: 'ECONNRESET' })
}

function asSent(fault: unknown): never {
  if (!(fault instanceof NetworkError) || !fault.isUnsent) throw fault
  throw new NetworkError(fault.facts as Facts, { cause: fault })
}

function ask(agents: Agents, place: Place, options: FetchOptions, fresh = false): Promise<Exchange | 'stale'> {
  const { method = 'GET', headers, body, signal, timeoutMs = silenceMsDefault, connectMs } = options
  const { secure, isLoopback, target } = place
  const agent = fresh ? false : secure ? agents.https : isLoopback ? agents.loopback : agents.http
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
      resolve({ message, request })
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
function boundConnecting(request: ClientRequest, place: Place, connectMs: number): void {
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

function redirectOf({ statusCode = 0, headers }: IncomingMessage, method: string): string | undefined {
  return /^(GET|HEAD)$/.test(method) && [301, 302, 303, 307, 308].includes(statusCode) ? headers.location : undefined
}

function withoutSecrets(headers: HttpHeaders): HttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(authorization|cookie)$/i.test(name)))
}

function wrapAnswer(
  message: IncomingMessage,
  request: ClientRequest,
  url: string,
  options: FetchOptions,
): FetchResponse {
  message.on('error', () => undefined) // reported to whoever reads the body
  const body = { [Symbol.asyncIterator]: () => readAnswer(message, url, options) }
  const bytes = (bytesMax?: number): Promise<Uint8Array> => readBody(body, bytesMax)
  const text = async (bytesMax?: number): Promise<string> => bytesToText(await bytes(bytesMax))
  return {
    status: message.statusCode ?? 0,
    headers: message.headers as HttpHeaders,
    body,
    isSent: () => request.writableFinished,
    bytes,
    text,
    json: async (bytesMax) => parseJson(await text(bytesMax), url),
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

function parseJson(text: string, url: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new NetworkError({ url, reason: 'the answer is not JSON' }, { cause })
  }
}

const redirectsMax = 5
const silenceMsDefault = 120_000
