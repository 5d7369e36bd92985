/**
 * The HTTP face of a storage node, an indexer, or both on one port: JSON-RPC on `POST /`, binary and REST routes by
 * GET, bodies under a byte budget. Spec: storage §6.4, §8.
 */
import { freeBytes } from '@weightless/codec'
import {
  BodyTooLargeError,
  type HttpHandler,
  type HttpRequest,
  type HttpResponse,
  type Log,
  readBody,
} from '@weightless/env'
import type { BufferRoom } from '../node/bufferRoom.ts'
import { answerContent, type ContentSource, envelope, gatewayCodes } from './contentRoutes.ts'
import { answerDirectory } from './directoryRoute.ts'
import { answerJsonRpc, type RpcMethods } from './jsonRpcServer.ts'

/** Undefined when the path is none of its own. */
export type Route = (request: HttpRequest) => Promise<HttpResponse | undefined>

export type HandlerParts = {
  methods: RpcMethods
  content: ContentSource
  routes: readonly Route[]
  room: BufferRoom
  log: Log
}

/** The network's nodes take bodies up to it. */
export const bodyBytesMax = 100 * 1024 * 1024
/** Small requests must not wait behind uploads. */
const smallBodyBytes = 16 * 1024
/** Of a buffer for bodies: a posted segment takes some 350 kB of JSON. */
export const bodyBufferBytes = 512 * 1024
/** What a body without a stated length counts as. */
const unknownBodyBytes = 4 * 1024 * 1024

export function createStorageHandler(parts: HandlerParts): HttpHandler {
  return (request) => answer(parts, request)
}

async function answer(parts: HandlerParts, request: HttpRequest): Promise<HttpResponse> {
  if (request.method !== 'POST' && request.method !== 'PUT') return route(parts, request)
  const { 'content-length': header } = request.headers
  const stated = Number(header ?? unknownBodyBytes)
  if (!(stated <= bodyBytesMax)) return tooLarge
  if (stated <= smallBodyBytes) return route(parts, request)
  const room = await parts.room.take(stated, request.signal)
  try {
    return await route(parts, request, header === undefined ? undefined : room.bytes)
  } finally {
    room.free()
  }
}

/** @param room - as long as the body is said to be */
async function route(parts: HandlerParts, request: HttpRequest, room?: Uint8Array): Promise<HttpResponse> {
  try {
    if (request.method === 'POST' && request.path === '/') {
      const body = room ? await readInto(room, request.body) : await readBody(request.body, bodyBytesMax)
      return await answerJsonRpc(
        parts.methods,
        body,
        { signal: request.signal, origin: request.headers.origin },
        parts.log,
      )
    }
    for (const own of parts.routes) {
      const response = await own(request)
      if (response) return response
    }
    const content = (await answerContent(parts.content, request)) ?? (await answerDirectory(parts.content, request))
    return content ?? envelope(gatewayCodes.notFound, 'Not found', null, 404)
  } catch (fault) {
    if (fault instanceof BodyTooLargeError) return tooLarge
    if (request.signal.aborted) return { status: 499 }
    parts.log.error('request failed', { path: request.path, reason: fault instanceof Error ? fault.message : '' })
    return envelope(gatewayCodes.internal, 'Internal server error', null, 500)
  }
}

/** The body, gathered where it is to lie. */
async function readInto(room: Uint8Array, body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  let length = 0
  for await (const piece of body) {
    if (length + piece.length > room.length) throw new BodyTooLargeError({ bytesMax: room.length })
    room.set(piece, length)
    length += piece.length
    freeBytes(piece)
  }
  return room.subarray(0, length)
}

const tooLarge: HttpResponse = envelope(gatewayCodes.tooLarge, 'File size too large', null, 413)
