/** Passes a request that still came here on to the process that took over, and its answer back as it comes. COMPUTE §12.2 */
import {
  type HttpHeaders,
  type HttpRequest,
  type HttpResponse,
  type Network,
  NetworkError,
  readBody,
} from '@weightless/env'
import { errorResponse } from '../../wire/apiError.ts'
import { closedFor } from '../doors.ts'

/** Of one connection, not of the request. */
const ofConnection = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'host',
  'expect',
  'upgrade',
])
/** The other process has time limits of its own. */
const silenceMsMax = 600_000

export async function forwardRequest(
  network: Network,
  url: string,
  request: HttpRequest,
  bodyBytesMax: number,
): Promise<HttpResponse> {
  const { method, path, query, headers, signal } = request
  const bytes = await readBody(request.body, bodyBytesMax)
  const search = query.size > 0 ? `?${query}` : ''
  try {
    const answer = await network.fetch(`${url}${path}${search}`, {
      ...{ method, headers: without(headers), signal, timeoutMs: silenceMsMax },
      ...(bytes.length > 0 && { body: bytes }),
    })
    const length = answer.headers['content-length']
    // Whoever comes by this connection is to come by one of the other process's next time.
    const head = {
      ...without(answer.headers),
      ...(length !== undefined && { 'content-length': length }),
      connection: 'close',
    }
    return { status: answer.status, headers: head, body: answer.body }
  } catch (fault) {
    if (!(fault instanceof NetworkError)) throw fault
    return errorResponse(closedFor({ state: 'moved' })!, { connection: 'close' })
  }
}

function without(headers: HttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !ofConnection.has(name)))
}
