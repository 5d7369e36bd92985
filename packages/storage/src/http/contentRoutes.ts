/**
 * The binary routes: files by root with ranges, and segments with their proofs, both ways. Spec: storage §8.
 * Reads are open to every origin, because content is public and checked by root.
 */
import type { Hex } from '@weightless/codec'
import { type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import {
  decodeSegmentFrame,
  type FileInfoJson,
  type RpcFault,
  type SegmentFrame,
  segmentFrameBytesMax,
  segmentFrameType,
} from '../wire/index.ts'
import { readCount, readHash } from './readParams.ts'
import { serveRange } from './serveRange.ts'

/** A file that somebody can serve. */
export type FoundFile = {
  info: FileInfoJson
  /** Bytes `[from, to)`; only asked for when `info.finalized`. */
  open(from: number, to: number): AsyncIterable<Uint8Array>
  /** The frame of one segment; undefined while it is not there. */
  frame(index: number): Promise<Uint8Array | undefined>
}

export type ContentSource = {
  /** @param key a file root, or a txSeq */
  find(key: Hex | number, signal: AbortSignal): Promise<FoundFile | undefined>
  /** Takes an uploaded segment; undefined when it is durable. */
  accept(root: Hex, frame: SegmentFrame, txSeq: number | undefined): Promise<RpcFault | undefined>
}

/** `code` of the gateway's JSON envelope. */
export const gatewayCodes = {
  success: 0,
  invalidParameter: 1,
  internal: 2,
  notFound: 101,
  pruned: 102,
  notFinalized: 103,
  pathNotFound: 104,
  tooLarge: 105,
} as const

/** Undefined when the path is not one of these routes. */
export async function answerContent(source: ContentSource, request: HttpRequest): Promise<HttpResponse | undefined> {
  const [, first, key, rest, ...more] = request.path.split('/')
  if (first === 'segment' && more.length === 0) return answerSegment(source, request, key, rest)
  if (first !== 'file' || rest !== undefined || !isRead(request)) return undefined
  if (key === undefined) return answerDownload(source, request)
  const cid = readCid(key)
  return cid === undefined ? undefined : sendFile(source, request, cid, {})
}

/** A root, or a txSeq in decimal. */
export function readCid(text: string): Hex | number | undefined {
  return readHash(text) ?? (/^\d+$/.test(text) ? readCount(text) : undefined)
}

export function envelope(code: number, message: string, data: unknown = null, status = 200): HttpResponse {
  const headers = { 'content-type': 'application/json' }
  return { status, headers, body: JSON.stringify({ code, message, data }) }
}

export const isRead = ({ method }: HttpRequest): boolean => method === 'GET' || method === 'HEAD'

/** `GET /file?root=…&name=…`: the network's gateway download, as an attachment. */
async function answerDownload(source: ContentSource, request: HttpRequest): Promise<HttpResponse> {
  const cid = readCid(request.query.get('root') ?? request.query.get('txSeq') ?? '')
  if (cid === undefined) return envelope(gatewayCodes.invalidParameter, 'Either root or txSeq must be specified')
  const name = (request.query.get('name') || String(cid)).replace(/[^\w.() -]/g, '_').slice(0, 200)
  const response = await sendFile(source, request, cid, { 'content-disposition': `attachment; filename="${name}"` })
  // The network's gateway says errors of this route with status 200.
  return response.status === 404 ? { ...response, status: 200 } : response
}

async function sendFile(
  source: ContentSource,
  request: HttpRequest,
  cid: Hex | number,
  headers: { readonly [name: string]: string },
): Promise<HttpResponse> {
  const file = await source.find(cid, request.signal)
  if (!file) return envelope(gatewayCodes.notFound, 'File not found', null, 404)
  if (file.info.pruned) return envelope(gatewayCodes.pruned, 'File already pruned', null, 404)
  if (!file.info.finalized) return envelope(gatewayCodes.notFinalized, 'File not finalized yet', null, 404)
  const { size, dataMerkleRoot } = file.info.tx
  return serveRange(
    request,
    { sizeBytes: size, etag: dataMerkleRoot, open: (from, to) => file.open(from, to) },
    { 'content-type': 'application/octet-stream', ...headers },
  )
}

async function answerSegment(
  source: ContentSource,
  request: HttpRequest,
  key: string | undefined,
  position: string | undefined,
): Promise<HttpResponse> {
  const index = readCount(position)
  const cid = readCid(key ?? '')
  if (index === undefined || cid === undefined)
    return envelope(gatewayCodes.invalidParameter, 'Invalid parameter', null, 400)
  if (request.method === 'PUT' && typeof cid === 'string') return acceptFrame(source, request, cid, index)
  if (!isRead(request)) return envelope(gatewayCodes.invalidParameter, 'Method not allowed', null, 405)
  const file = await source.find(cid, request.signal)
  const frame = await file?.frame(index)
  if (!frame) return envelope(gatewayCodes.notFound, 'File not found', null, 404)
  const headers = { 'content-type': segmentFrameType, 'content-length': String(frame.length) }
  return request.method === 'HEAD' ? { status: 200, headers } : { status: 200, headers, body: frame }
}

async function acceptFrame(
  source: ContentSource,
  request: HttpRequest,
  root: Hex,
  index: number,
): Promise<HttpResponse> {
  const frame = decodeSegmentFrame(await readBody(request.body, segmentFrameBytesMax))
  if (!frame.ok || frame.value.index !== index) {
    return envelope(gatewayCodes.invalidParameter, 'Invalid parameter', 'segment frame malformed', 400)
  }
  const fault = await source.accept(root, frame.value, readCount(request.query.get('txSeq') ?? undefined))
  if (!fault) return { status: 204 }
  return envelope(fault.code, fault.message, fault.data ?? null, 409)
}
