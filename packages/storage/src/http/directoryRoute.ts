/** `GET /file/{cid}/{path}`: a file inside an uploaded directory, a listing, or where a link points. Spec: storage §8. */
import type { HttpRequest, HttpResponse } from '@weightless/env'
import { type DirectoryNode, directoryBytesMax, findEntry, readDirectory } from '../wire/readDirectory.ts'
import { type ContentSource, envelope, type FoundFile, gatewayCodes, isRead, readCid } from './contentRoutes.ts'
import { serveRange } from './serveRange.ts'

export async function answerDirectory(source: ContentSource, request: HttpRequest): Promise<HttpResponse | undefined> {
  const [, first, key, ...names] = request.path.split('/')
  if (first !== 'file' || names.length === 0 || key === 'info' || !isRead(request)) return undefined
  const cid = readCid(key ?? '')
  if (cid === undefined) return envelope(gatewayCodes.invalidParameter, 'Invalid parameter', null, 400)
  const file = await source.find(cid, request.signal)
  if (!file) return envelope(gatewayCodes.notFound, 'File not found', null, 404)
  if (file.info.pruned) return envelope(gatewayCodes.pruned, 'File already pruned', null, 404)
  if (!file.info.finalized) return envelope(gatewayCodes.notFinalized, 'File not finalized yet', null, 404)
  const directory = file.info.tx.size > directoryBytesMax ? undefined : readDirectory(await readAll(file))
  if (!directory?.ok) return envelope(gatewayCodes.invalidParameter, 'Not a directory', null, 400)
  const entry = findEntry(directory.value, names.filter((name) => name !== '').map(decodeName))
  if (!entry) return envelope(gatewayCodes.pathNotFound, 'File path not found', null, 404)
  return sendEntry(source, request, entry)
}

async function sendEntry(source: ContentSource, request: HttpRequest, entry: DirectoryNode): Promise<HttpResponse> {
  if (entry.type === 'directory') {
    const listing = entry.entries.map(({ name, type, sizeBytes }) => ({ name, type, size: sizeBytes }))
    return envelope(gatewayCodes.success, 'Success', listing)
  }
  if (entry.type === 'symbolic') {
    return envelope(gatewayCodes.success, 'Success', { name: entry.name, type: entry.type, link: entry.link })
  }
  const parts: FoundFile[] = []
  for (const root of entry.roots) {
    const part = await source.find(root, request.signal)
    if (!part?.info.finalized) return envelope(gatewayCodes.notFound, 'File not found', null, 404)
    parts.push(part)
  }
  const sizeBytes = parts.reduce((sum, { info }) => sum + info.tx.size, 0)
  const etag = entry.roots.join('-')
  const headers = { 'content-type': 'application/octet-stream' }
  return serveRange(request, { sizeBytes, etag, open: (from, to) => openParts(parts, from, to) }, headers)
}

async function* openParts(parts: readonly FoundFile[], from: number, to: number): AsyncGenerator<Uint8Array> {
  let start = 0
  for (const part of parts) {
    const end = start + part.info.tx.size
    if (from < end && to > start) yield* part.open(Math.max(0, from - start), Math.min(end, to) - start)
    start = end
  }
}

async function readAll(file: FoundFile): Promise<Uint8Array> {
  const bytes = new Uint8Array(file.info.tx.size)
  let at = 0
  for await (const piece of file.open(0, bytes.length)) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
