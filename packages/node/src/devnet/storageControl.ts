/** `/devnet/storage…` of the console's server: which storage nodes there are, and stopping and starting them in front of a user. */
import type { HttpRequest, HttpResponse } from '@weightless/env'

export type SwitchableNode = {
  url: string
  isRunning(): boolean
  /** Both may be called at any time, and again; they resolve when it is so. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** Undefined when the path is none of its own. Pages of other origins are refused: the server is on loopback for its user alone. */
export async function answerStorageControl(
  nodes: readonly SwitchableNode[],
  request: HttpRequest,
): Promise<HttpResponse | undefined> {
  const [, devnet, storage, position, verb, ...rest] = request.path.split('/')
  if (devnet !== 'devnet' || storage !== 'storage' || rest.length > 0) return undefined
  if (position === undefined) {
    if (request.method !== 'GET') return notAllowed('GET')
    return json(200, { nodes: nodes.map(({ url, isRunning }) => ({ url, running: isRunning() })) })
  }
  if (verb !== 'start' && verb !== 'stop') return undefined
  if (request.method !== 'POST') return notAllowed('POST')
  if (!isOwnPage(request)) return json(403, { code: 'origin-refused', message: 'Only the console itself may do this.' })
  const node = /^\d{1,4}$/.test(position) ? nodes[Number(position)] : undefined
  if (!node) return json(404, { code: 'node-unknown', message: 'There is no such storage node.' })
  try {
    await (verb === 'start' ? node.start() : node.stop())
    return json(200, { url: node.url, running: node.isRunning() })
  } catch (error) {
    return json(503, { code: 'node-failed', message: error instanceof Error ? error.message : String(error) })
  }
}

/** Programs of this machine send no origin. */
function isOwnPage({ headers }: HttpRequest): boolean {
  const { origin, host } = headers
  return origin === undefined || origin === `http://${host}`
}

function json(status: number, value: object): HttpResponse {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  return { status, headers, body: JSON.stringify(value) }
}

const notAllowed = (allow: string): HttpResponse => ({ status: 405, headers: { allow } })
