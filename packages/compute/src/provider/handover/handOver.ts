/**
 * The old process's side of a take-over: it lets go of the log, passes new requests on, ends its own streams, and goes on by
 * itself if the new process fails before it is open. Spec: COMPUTE §12.2
 */
import type { HttpRequest, HttpResponse, Server } from '@weightless/env'
import type { MovableLog } from '../../settlement/movableLog.ts'
import type { SettlementLoop } from '../../settlement/settlementLoop.ts'
import { errorResponse } from '../../wire/apiError.ts'
import { jsonResponse } from '../../wire/jsonResponse.ts'
import { ownedBody } from '../../wire/ownedBody.ts'
import { closedFor } from '../doors.ts'
import type { ProviderContext } from '../providerContext.ts'
import { createDelivery, type LogOwners, post } from './deliverReceipts.ts'
import { forwardRequest } from './forwardRequest.ts'
import { handoverPaths, writeLetGo } from './handoverWire.ts'

/** The folder with the log, which one process has at a time. */
export type Folder = LogOwners & { letGo(): void }

export type HandOver = {
  /** The answer to a process that wants to take over; its body stays open until that has happened or failed. */
  begin(request: HttpRequest): Promise<HttpResponse>
  /** The other process is open. */
  confirm(successor: Successor): Promise<HttpResponse>
  /** What is to become of a request now: undefined where it is ours. */
  redirect(request: HttpRequest): Promise<HttpResponse | undefined> | undefined
  /** Resolves when another process has taken over. */
  moved: Promise<void>
  /** Resolves when nothing runs here any more; after `deadlineMs` the rest is cut. Returns how many were. */
  finish(deadlineMs: number, cut: () => Promise<void>): Promise<number>
  close(): void
}

export type Successor = { url: string; controlUrl: string }

export type HandOverParts = {
  context: ProviderContext
  log: MovableLog
  settlement: SettlementLoop
  server: Server
  folder: Folder
  token: string
  network: Parameters<typeof forwardRequest>[0]
}

/** How long streams may go on here once another process has taken over. */
const endsInMsDefault = 300_000
/** Requests on their way in, such as slow uploads, have so long to become jobs; then they are refused, to be asked again. */
const enterMsMax = 3_000
/** Requests that come while it is undecided wait so long. */
const decideMsMax = 30_000
/** A process that failed while taking over lets go of the folder in this time. */
const takeBackMsMax = 30_000
const takeBackLookMs = 100
const lookMs = 20

/** What the steps share. */
type Moving = HandOverParts & {
  moved: PromiseWithResolvers<void>
  stop: AbortController
  /** There while it is open which of the two processes it will be. */
  undecided: PromiseWithResolvers<void> | undefined
  successor: Successor | undefined
  /** Answers that are being passed on. */
  forwarding: number
  /** Jobs that were told to the other process, until it knows that they have ended. */
  promised: Set<string>
}

export function createHandOver(parts: HandOverParts): HandOver {
  const { doors } = parts.context
  const moving: Moving = {
    ...parts,
    ...{ moved: Promise.withResolvers<void>(), stop: new AbortController(), promised: new Set() },
    ...{ undecided: undefined, successor: undefined, forwarding: 0 },
  }
  return {
    moved: moving.moved.promise,
    begin: (request) => begin(moving, request),
    confirm: (successor) => confirm(moving, successor),
    redirect: (request) =>
      doors.state === 'open' || doors.state === 'draining' ? undefined : redirect(moving, request),
    finish: (deadlineMs, cut) => finish(moving, deadlineMs, cut),
    close: () => moving.stop.abort(),
  }
}

async function begin(moving: Moving, request: HttpRequest): Promise<HttpResponse> {
  const { doors } = moving.context
  if (doors.state !== 'open') {
    return errorResponse(closedFor({ state: doors.state === 'draining' ? 'draining' : 'moving' })!)
  }
  if (!moving.server.isShared) {
    const message = 'On this system two processes cannot share a port: drain this one, then start the other.'
    return errorResponse({ code: 'invalid_request', message })
  }
  moving.undecided = Promise.withResolvers<void>()
  const { signal } = request
  try {
    await letGo(moving)
  } catch (fault) {
    await goOn(moving, String(fault))
    return errorResponse({ code: 'server_error', message: 'The log could not be closed.' })
  }
  const leave = () => {
    if (doors.state === 'moving' && !moving.successor) void goOn(moving, 'it left before it was open')
  }
  if (signal.aborted) leave()
  else signal.addEventListener('abort', leave, { once: true })
  return { status: 200, headers: { 'content-type': 'application/json' }, body: untilDecided(moving, signal) }
}

/** Whoever is on the way in comes in; then the last writes end, and the folder is free. */
async function letGo(moving: Moving): Promise<void> {
  const { context, settlement, log, folder } = moving
  const { env, doors, running } = context
  doors.state = 'closing'
  env.log.info('another process takes over', { jobs: running.count() })
  await settlement.pause()
  const endMs = env.clock.monotonicMs() + enterMsMax
  while (doors.entering.size > 0 && env.clock.monotonicMs() < endMs) await env.clock.sleep(lookMs)
  doors.state = 'moving'
  for (const job of running.list()) moving.promised.add(keyOf(job))
  await log.letGo(deliveryOf(moving), async () => moving.undecided?.promise)
  folder.letGo()
}

function deliveryOf(moving: Moving) {
  const { context, network, token, folder, log, stop } = moving
  return createDelivery({
    env: { ...context.env, network },
    ...{ token, owners: folder, log, stop: stop.signal },
    decided: async () => moving.undecided?.promise,
  })
}

async function* untilDecided(moving: Moving, signal: AbortSignal): AsyncGenerator<string> {
  yield writeLetGo(moving.context.running.list(), endsInMsDefault)
  const gone = Promise.withResolvers<void>()
  if (signal.aborted) gone.resolve()
  signal.addEventListener('abort', () => gone.resolve(), { once: true })
  await Promise.race([gone.promise, moving.undecided?.promise])
}

/** The other process did not come about. */
async function goOn(moving: Moving, reason: string): Promise<void> {
  const { context, settlement, moved } = moving
  const { env, doors } = context
  env.log.warn('take-over failed', { reason })
  if (await takeBack(moving)) {
    doors.state = 'open'
    settlement.resume()
  } else {
    // Somebody else has the log: nothing is answered here that could be answered twice.
    doors.state = 'moved'
    moved.resolve()
  }
  decide(moving)
}

async function takeBack({ context, folder, log }: Moving): Promise<boolean> {
  const { clock, log: journal } = context.env
  for (let waitedMs = 0; waitedMs < takeBackMsMax; waitedMs += takeBackLookMs) {
    try {
      folder.takeFolder()
      if (log.isGone()) await log.takeBack()
      return true
    } catch (fault) {
      journal.warn('log not taken back yet', { reason: String(fault) })
      await clock.sleep(takeBackLookMs)
    }
  }
  return false
}

async function confirm(moving: Moving, successor: Successor): Promise<HttpResponse> {
  const { context, server, moved } = moving
  if (context.doors.state !== 'moving' || moving.successor) {
    return errorResponse({ code: 'invalid_request', message: 'Nobody is taking over.' })
  }
  moving.successor = successor
  // What is passed on goes to the shared port, and must not come back here.
  await server.unlisten()
  context.doors.state = 'moved'
  decide(moving)
  moved.resolve()
  return jsonResponse({ state: 'moved' })
}

function decide(moving: Moving): void {
  moving.undecided?.resolve()
  moving.undecided = undefined
}

async function redirect(moving: Moving, request: HttpRequest): Promise<HttpResponse | undefined> {
  const { context, network } = moving
  const { env, doors, limits } = context
  if (moving.undecided) {
    const waited = new AbortController()
    const late = env.clock.sleep(decideMsMax, waited.signal).catch(() => undefined)
    await Promise.race([moving.undecided.promise, late])
    waited.abort()
  }
  if (doors.state === 'open') return undefined
  if (!moving.successor) return errorResponse(closedFor({ state: 'moving' })!)
  moving.forwarding++
  const ended = () => {
    moving.forwarding--
  }
  try {
    const answer = await forwardRequest(network, moving.successor.url, request, limits.uploadBytesMax)
    if (isStream(answer.body))
      return { ...answer, body: ownedBody(countedBody(answer.body, ended), async () => ended()) }
    ended()
    return answer
  } catch (fault) {
    ended()
    throw fault
  }
}

async function finish(moving: Moving, deadlineMs: number, cut: () => Promise<void>): Promise<number> {
  const { context, log, settlement, promised } = moving
  const { running, env } = context
  const { clock } = env
  const endMs = clock.monotonicMs() + deadlineMs
  for (;;) {
    const left = running.list()
    const now = new Set(left.map(keyOf))
    for (const key of promised) if (!now.has(key) && promised.delete(key)) await tellReleased(moving, key)
    if ((left.length === 0 && moving.forwarding === 0) || clock.monotonicMs() >= endMs) break
    await clock.sleep(lookMs)
  }
  const cutJobs = running.count()
  if (cutJobs > 0 || moving.forwarding > 0) await cut()
  for (let waitedMs = 0; running.count() > 0 && waitedMs < cutMsMax; waitedMs += lookMs) await clock.sleep(lookMs)
  if (log.isGone()) return cutJobs
  // The other process is gone, and the log is ours again: what its end left over is ours to bring home.
  settlement.resume()
  await settlement.flush().catch((fault) => env.log.warn('settlement at the end failed', { reason: String(fault) }))
  return cutJobs
}

/** For the receipts of jobs that were cut. */
const cutMsMax = 5_000

/** Its receipt is delivered, or there is none: what the other process keeps for it can go. */
async function tellReleased({ context, network, token, folder }: Moving, key: string): Promise<void> {
  const [user, jobNonce] = key.split('/')
  const controlUrl = folder.findControlUrl()
  if (controlUrl === undefined) return
  const env = { ...context.env, network }
  await post({ env, token }, controlUrl, handoverPaths.released, JSON.stringify({ user, jobNonce }))
}

const keyOf = ({ user, jobNonce }: { user: string; jobNonce: bigint }): string => `${user}/${jobNonce}`

function isStream(body: HttpResponse['body']): body is AsyncIterable<Uint8Array | string> {
  return typeof body === 'object' && !(body instanceof Uint8Array)
}

async function* countedBody(body: AsyncIterable<Uint8Array | string>, ended: () => void) {
  try {
    yield* body
  } finally {
    ended()
  }
}
