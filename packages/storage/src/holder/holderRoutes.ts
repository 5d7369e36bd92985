/** The routes of a holder of fragments. Spec: storage §10 to §13. */
import type { Hex, Verdict } from '@weightless/codec'
import { BodyTooLargeError, type HttpHandler, type HttpRequest, type HttpResponse, readBody } from '@weightless/env'
import { readCount, readHash } from '../http/readParams.ts'
import {
  decodeFragmentFrame,
  type FragmentFrame,
  type FragmentName,
  fragmentFramesType,
  type NodeRecord,
  type NodeStatusJson,
  shownHeader,
} from '../wire/index.ts'
import type { PlacementKeeper } from './keepPlacements.ts'
import { describeHeld, sendFragments } from './sendFragments.ts'
import { type TakeParts, takeFragments } from './takeFragments.ts'

export type HolderRouteParts = Omit<TakeParts, 'placements'> & {
  placements: PlacementKeeper
  record(): Promise<NodeRecord>
  /** Signs what it shows of one fragment. */
  sign(name: Omit<FragmentName, 'chainId'>, frame: Uint8Array): Hex
  status(): NodeStatusJson
  /** Asks this node to take over a row; undefined where it repairs nothing. */
  takeOver?(json: unknown): Promise<Verdict<unknown, string>>
  /** A reader could not use what it was sent. */
  doubt(root: Hex, sizeBytes: number, stripe: number): void
}

const placementBytesMax = 256 * 1024
const pageMax = 100

/** Answers what is a holder's; everything else goes to `next`. */
export function createHolderHandler(parts: HolderRouteParts, next: HttpHandler): HttpHandler {
  return async (request) => {
    try {
      return (await route(parts, request)) ?? (await next(request))
    } catch (fault) {
      if (fault instanceof BodyTooLargeError) return refuse(413, 'body-too-large', 'The body is too large.')
      if (request.signal.aborted) return { status: 499 }
      throw fault
    }
  }
}

async function route(parts: HolderRouteParts, request: HttpRequest): Promise<HttpResponse | undefined> {
  const [, first, key, last, ...more] = request.path.split('/')
  if (more.length > 0) return undefined
  const root = readHash(key)
  if (first === 'fragments') {
    if (!root) return malformed('root')
    if (last === 'held') return isRead(request) ? answerHeld(parts, request, root) : notAllowed
    if (last === 'doubt') return request.method === 'POST' ? answerDoubt(parts, request, root) : notAllowed
    if (last !== undefined) return undefined
    if (request.method === 'POST') return answerTake(parts, request, root)
    return isRead(request) ? answerSend(parts, request, root) : notAllowed
  }
  if (first === 'placement' && last === undefined) return answerPlacement(parts, request, key, root)
  if (first === 'placements' && root && last === undefined && isRead(request)) return answerList(parts, request, root)
  if (first === 'node' && key === 'record' && isRead(request)) return json(200, await parts.record())
  if (first === 'node' && key === 'status' && isRead(request)) return json(200, parts.status())
  if (first === 'repair' && key === undefined && parts.takeOver && request.method === 'POST') {
    return answerVerdict(await parts.takeOver(await readJson(request)), 202)
  }
  return undefined
}

async function answerTake(parts: HolderRouteParts, request: HttpRequest, root: Hex): Promise<HttpResponse> {
  const taken = await takeFragments(parts, root, request.body, request.signal)
  return taken.ok ? json(200, { stored: taken.value }) : refuse(409, taken.code, taken.detail ?? taken.code)
}

async function answerSend(
  { fragments, sign }: HolderRouteParts,
  request: HttpRequest,
  root: Hex,
): Promise<HttpResponse> {
  const read = (name: string) => readCount(request.query.get(name) ?? undefined)
  const [sizeBytes, row, from, to] = [read('sizeBytes'), read('row'), read('from'), read('to')]
  if (sizeBytes === undefined || row === undefined || from === undefined || to === undefined) {
    return malformed('sizeBytes, row, from and to')
  }
  const body = sendFragments(fragments, { root, sizeBytes, row, from, to })
  if (!body) return refuse(404, 'row-unknown', 'Nothing of this row is here.')
  const headers = { 'content-type': fragmentFramesType }
  if (request.method === 'HEAD') return { status: 200, headers }
  if (to !== from + 1) return { status: 200, headers, body }
  // One alone is a repair, a reader of a segment or an auditor: nobody can tell, and each gets it signed.
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  const frame = pieces[1]
  if (!frame) return { status: 200, headers, body: '' }
  const shown = decodeFragmentFrame(frame)
  // What it signs costs it its stake if it is not so: nothing of a row that was given away meanwhile.
  if (!shown.ok || !isOf(shown.value, { row, stripe: from, sizeBytes })) {
    return { status: 200, headers, body: piecesOf(pieces) }
  }
  const { dataRows } = shown.value
  const signature = sign({ root, sizeBytes, dataRows, row, stripe: from }, frame)
  return { status: 200, headers: { ...headers, [shownHeader]: signature }, body: piecesOf(pieces) }
}

type Place = Pick<FragmentFrame, 'row' | 'stripe' | 'sizeBytes'>

const isOf = (frame: Place, { row, stripe, sizeBytes }: Place): boolean =>
  frame.row === row && frame.stripe === stripe && frame.sizeBytes === sizeBytes

async function* piecesOf(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces
}

function answerHeld({ fragments }: HolderRouteParts, request: HttpRequest, root: Hex): HttpResponse {
  const sizeBytes = readCount(request.query.get('sizeBytes') ?? undefined)
  return sizeBytes === undefined ? malformed('sizeBytes') : json(200, describeHeld(fragments, root, sizeBytes))
}

/** A reader's word is not believed, only looked into: the fragment is read and checked again. */
function answerDoubt(parts: HolderRouteParts, request: HttpRequest, root: Hex): HttpResponse {
  const sizeBytes = readCount(request.query.get('sizeBytes') ?? undefined)
  const stripe = readCount(request.query.get('stripe') ?? undefined)
  if (sizeBytes === undefined || stripe === undefined) return malformed('sizeBytes and stripe')
  parts.doubt(root, sizeBytes, stripe)
  return { status: 202 }
}

async function answerPlacement(
  { placements }: HolderRouteParts,
  request: HttpRequest,
  key: string | undefined,
  root: Hex | undefined,
): Promise<HttpResponse> {
  if (key === undefined && request.method === 'POST') {
    return answerVerdict(await placements.sign(await readJson(request), request.signal), 200)
  }
  if (!root) return malformed('root')
  if (request.method === 'PUT')
    return answerVerdict(await placements.put(root, await readJson(request), request.signal), 204)
  return isRead(request) ? json(200, placements.find(root)) : notAllowed
}

/** Placements in which a node has a row, in pages: what a node that lost its disk asks the others. */
function answerList({ placements }: HolderRouteParts, request: HttpRequest, nodeId: Hex): HttpResponse {
  const after = request.query.get('after') ?? undefined
  const page = placements.list(pageMax, after)
  const found = page.filter(({ placement }) => placement.holders.includes(nodeId)).map(({ placement }) => placement)
  return json(200, { placements: found, after: page.length < pageMax ? null : page.at(-1)!.key })
}

function answerVerdict(verdict: Verdict<unknown, string>, status: number): HttpResponse {
  if (!verdict.ok) return refuse(409, verdict.code, verdict.detail ?? verdict.code)
  return status === 200 ? json(200, verdict.value) : { status }
}

/** Undefined, which every reader refuses, for what is no JSON. */
async function readJson(request: HttpRequest): Promise<unknown> {
  const body = await readBody(request.body, placementBytesMax)
  try {
    return JSON.parse(new TextDecoder().decode(body)) as unknown
  } catch {
    return undefined
  }
}

const isRead = ({ method }: HttpRequest): boolean => method === 'GET' || method === 'HEAD'

function json(status: number, value: unknown): HttpResponse {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  return { status, headers, body: JSON.stringify(value) }
}

const refuse = (status: number, code: string, message: string): HttpResponse =>
  json(status, { code, message, facts: {} })
const malformed = (what: string): HttpResponse => refuse(400, 'request-malformed', `${what}: malformed`)
const notAllowed = refuse(405, 'method-not-allowed', 'This route does not take the method.')
