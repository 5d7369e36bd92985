/** Writes an `HttpResponse` to node:http, pulling a streamed body only as fast as the client reads. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { HttpResponse } from '../env.ts'
import { leaveBody } from './http1/leaveBody.ts'

/**
 * Resolves when the answer is handed over or the client has gone. Errors of the body's own generator are thrown after
 * the connection has been cut, so that the client never takes a part for the whole.
 */
export async function sendResponse(
  response: ServerResponse,
  { status, headers, body }: HttpResponse,
  extraHeaders: OutgoingHttpHeaders | undefined,
  stallMsMax: number,
): Promise<void> {
  if (response.destroyed) return leaveBody(body)
  const head: OutgoingHttpHeaders = { ...extraHeaders, ...headers }
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    const bodiless = status === 204 || status === 304
    if (!bodiless && head['content-length'] === undefined) {
      head['content-length'] =
        body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
    }
    response.writeHead(status, head).end(body)
    if (response.writableNeedDrain) cutWhenStalled(response, stallMsMax)
    return
  }
  response.writeHead(status, head)
  if (response.req.method === 'HEAD') {
    await leaveBody(body)
    response.end()
    return
  }
  await pour(response, body, stallMsMax)
}

async function pour(
  response: ServerResponse,
  body: AsyncIterable<Uint8Array | string>,
  stallMsMax: number,
): Promise<void> {
  if (response.destroyed) return leaveBody(body)
  const source = body[Symbol.asyncIterator]()
  let gone = false
  let wake: (() => void) | undefined
  const onDrain = (): void => wake?.()
  const onClose = (): void => {
    gone = true
    wake?.()
    // A generator that is waiting now returns as soon as that wait ends; its request's signal is there to end it.
    if (!response.writableEnded) source.return?.().catch(() => undefined)
  }
  response.on('drain', onDrain).on('close', onClose)
  // A first piece that is there at once travels with the head, in one packet; a head does not wait for a later one.
  const headAlone = setImmediate(() => response.flushHeaders())
  try {
    while (!gone) {
      const { done, value } = await source.next()
      clearImmediate(headAlone)
      if (done || gone) break
      if (response.write(value)) continue
      const timer = setTimeout(() => response.destroy(), stallMsMax)
      await new Promise<void>((resolve) => {
        wake = resolve
        if (gone) resolve()
      })
      clearTimeout(timer)
    }
    response.end()
  } catch (error) {
    response.destroy()
    throw error
  } finally {
    clearImmediate(headAlone)
    response.off('drain', onDrain)
  }
}

/** A whole body was handed to the kernel in one piece; a client that takes none of it for `stallMsMax` is cut off. */
function cutWhenStalled(response: ServerResponse, stallMsMax: number): void {
  const { socket } = response
  if (!socket) return
  let leftBytes = response.writableLength + socket.writableLength
  const timer = setInterval(() => {
    const nowBytes = response.writableLength + socket.writableLength
    if (nowBytes >= leftBytes) response.destroy()
    leftBytes = nowBytes
  }, stallMsMax)
  timer.unref()
  response.once('close', () => clearInterval(timer))
}
