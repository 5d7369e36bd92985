/**
 * The indexer's own routes for coded storage: nodes announce themselves, placements are kept, and one question tells a
 * reader everything that it needs. Spec: storage §11, §12.
 */
import type { Hex, Verdict } from '@weightless/codec'
import { type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { isRead } from '../http/contentRoutes.ts'
import type { Route } from '../http/storageHandler.ts'
import type { FileLocation } from '../wire/index.ts'
import type { NodeDirectory } from './nodeDirectory.ts'
import type { PlacementBook } from './placementBook.ts'

const recordBytesMax = 8 * 1024
const placementBytesMax = 128 * 1024

/** @param locate - answers for a root, from memory or from peers */
export function createRegistryRoutes(
  directory: NodeDirectory,
  book: PlacementBook,
  locate: (root: Hex) => Promise<FileLocation>,
): Route[] {
  return [
    async (request) => {
      const [, first, key, ...rest] = request.path.split('/')
      if (rest.length > 0) return undefined
      if (first === 'nodes' && key === undefined) return isRead(request) ? json(200, directory.live()) : notAllowed
      const hash = key === undefined ? undefined : readName(key)
      if (first === 'nodes') return hash ? putNode(directory, request, hash) : malformed
      if (first === 'placement') return hash ? answerPlacement(book, request, hash) : malformed
      if (first !== 'locate') return undefined
      if (!hash) return malformed
      return isRead(request) ? json(200, await locate(hash)) : notAllowed
    },
  ]
}

async function putNode(directory: NodeDirectory, request: HttpRequest, nodeId: Hex): Promise<HttpResponse> {
  if (isRead(request)) {
    const record = directory.find(nodeId)
    return record ? json(200, record) : json(404, { code: 'node-unknown', message: 'This node is not here.' })
  }
  if (request.method !== 'PUT') return notAllowed
  return answerVerdict(directory.announce(nodeId, await readJson(request, recordBytesMax)))
}

async function answerPlacement(book: PlacementBook, request: HttpRequest, root: Hex): Promise<HttpResponse> {
  if (isRead(request)) return json(200, book.find(root))
  if (request.method !== 'PUT') return notAllowed
  return answerVerdict(await book.put(root, await readJson(request, placementBytesMax)))
}

function answerVerdict(verdict: Verdict<unknown, string>): HttpResponse {
  if (verdict.ok) return { status: 204 }
  const { code, detail } = verdict
  return json(409, { code, message: detail ?? code, facts: {} })
}

/** Undefined, which every reader refuses, for what is no JSON. */
async function readJson(request: HttpRequest, bytesMax: number): Promise<unknown> {
  const body = await readBody(request.body, bytesMax)
  try {
    return JSON.parse(new TextDecoder().decode(body)) as unknown
  } catch {
    return undefined
  }
}

function readName(text: string): Hex | undefined {
  return /^0x[0-9a-fA-F]{64}$/.test(text) ? (text.toLowerCase() as Hex) : undefined
}

function json(status: number, value: unknown): HttpResponse {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  return { status, headers, body: JSON.stringify(value) }
}

const malformed = json(400, { code: 'name-malformed', message: 'A name is 0x and 64 hex digits.', facts: {} })
const notAllowed = json(405, { code: 'method-not-allowed', message: 'This route does not take the method.', facts: {} })
