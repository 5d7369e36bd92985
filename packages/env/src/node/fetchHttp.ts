/** `network.fetch` over kept-alive connections: those of our own to `http` servers, node:http's through proxies and TLS. */
import { urlToHttpOptions } from 'node:url'
import type { FetchOptions, FetchResponse, HttpHeaders } from '../env.ts'
import { NetworkError } from '../faults.ts'
import { type Agents, askNode, createAgents, type NodePlace } from './askNode.ts'
import { askPlain, type PlainPlace } from './http1/askPlain.ts'
import { type ConnectionPool, createConnectionPool } from './http1/connectionPool.ts'

export type HttpClient = { agents: Agents; pool: ConnectionPool; hasProxy: boolean; close(): void }

/** Connections to other machines honour HTTP_PROXY, HTTPS_PROXY and NO_PROXY; loopback never goes through a proxy. */
export function createHttpClient(): HttpClient {
  const [agents, pool] = [createAgents(), createConnectionPool()]
  const hasProxy = Boolean(process.env.http_proxy || process.env.HTTP_PROXY)
  const close = (): void => {
    agents.close()
    pool.close()
  }
  return { agents, pool, hasProxy, close }
}

/** Follows redirects of GET and HEAD. @throws {NetworkError} @throws {AbortedError} */
export async function fetchHttp(client: HttpClient, url: string, options: FetchOptions = {}): Promise<FetchResponse> {
  let at = parse(url)
  let headers = options.headers ?? {}
  for (let hop = 0; hop <= redirectsMax; hop++) {
    const answer = await askOnceMore(client, at, hop === 0 ? options : { ...options, headers })
    const next = redirectOf(answer, options.method ?? 'GET')
    if (next === undefined) return answer
    // Read away, so that the connection is free again; a longer one ends it.
    answer.bytes(redirectBytesMax).catch(() => undefined)
    const target = parse(new URL(next, at.href).href)
    if (target.origin !== at.origin) headers = withoutSecrets(headers)
    at = target
  }
  throw new NetworkError({ url, reason: 'too many redirects' })
}

/** An address, parsed. */
type Place = NodePlace & PlainPlace & { origin: string; isLoopback: boolean }

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
  const { href, origin, protocol, host } = parsed
  const isLoopback = /^(localhost|127\.[\d.]+|\[::1\])$/.test(parsed.hostname)
  const hostname = parsed.hostname.replace(/^\[|\]$/g, '')
  const [port, path] = [Number(parsed.port || 80), parsed.pathname + parsed.search]
  const secure = protocol === 'https:'
  const place = { href, origin, secure, isLoopback, host, hostname, port, path, target: urlToHttpOptions(parsed) }
  if (places.size >= placesMax) places.clear()
  if (url.length <= placeCharactersMax) places.set(url, place)
  return place
}

/** A kept-alive connection may have been closed by the other end while the request was on its way: then once more. */
async function askOnceMore(client: HttpClient, place: Place, options: FetchOptions): Promise<FetchResponse> {
  const first = await ask(client, place, options, false)
  if (first !== 'stale') return first
  // The first may have arrived, whatever becomes of the second.
  const second = await ask(client, place, options, true).catch(asSent)
  if (second !== 'stale') return second
  throw new NetworkError({ url: place.href, reason: 'ECONNRESET' })
}

function ask({ agents, pool, hasProxy }: HttpClient, place: Place, options: FetchOptions, fresh: boolean) {
  const isPlain = !place.secure && place.target.auth == null && (place.isLoopback || !hasProxy)
  return isPlain ? askPlain(pool, place, options, fresh) : askNode(agents, place, options, fresh)
}

function asSent(fault: unknown): never {
  if (!(fault instanceof NetworkError) || !fault.isUnsent) throw fault
  throw new NetworkError(fault.facts as { url: string; reason: string }, { cause: fault })
}

function redirectOf({ status, headers }: FetchResponse, method: string): string | undefined {
  if (status < 300 || status > 399 || (method !== 'GET' && method !== 'HEAD')) return undefined
  return [301, 302, 303, 307, 308].includes(status) ? headers.location : undefined
}

function withoutSecrets(headers: HttpHeaders): HttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !/^(authorization|cookie)$/i.test(name)))
}

const redirectsMax = 5
const redirectBytesMax = 64 * 1024
