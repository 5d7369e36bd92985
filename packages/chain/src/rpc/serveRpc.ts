/** JSON-RPC on one port: HTTP POST and WebSocket. On any address but loopback, without test keys and devnet helpers. */
import { bytesToText } from '@weightless/codec'
import {
  type HttpRequest,
  type HttpResponse,
  isLoopback,
  readBody,
  type ServeOptions,
  type Socket,
} from '@weightless/env'
import { answerRpc, type RpcAnswerer } from './answerRpc.ts'
import { devnetMethods, publicMethods } from './methodTable.ts'
import type { RpcContext, RpcSocket } from './rpcContext.ts'

export type RpcServeOptions = Pick<ServeOptions, 'port' | 'host' | 'allowedHosts' | 'allowedOrigins'>

export type RpcServer = { url: string; wsUrl: string; port: number; close(): Promise<void> }

/** @throws {PortInUseError} */
export async function serveRpc(context: RpcContext, options: RpcServeOptions): Promise<RpcServer> {
  const local = isLoopback(options.host ?? '127.0.0.1')
  const { limits, env } = context
  if (!local) env.log.warn('devnet methods switched off', { host: options.host })
  const answerer: RpcAnswerer = {
    methods: { ...publicMethods(context), ...(local ? devnetMethods(context) : {}) },
    limits,
    log: env.log,
  }
  const closing = new AbortController()
  const server = await env.network.serve({
    ...options,
    bodyBytesMax: limits.bodyBytesMax,
    connectionsMax: limits.connectionsMax,
    handler: (request) => answerHttp(answerer, request, closing.signal),
    onSocket: (socket) => void answerSocket(answerer, socket),
  })
  const close = (): Promise<void> => {
    closing.abort()
    return server.close()
  }
  return { url: server.url, wsUrl: server.url.replace(/^http/, 'ws'), port: server.port, close }
}

async function answerHttp(answerer: RpcAnswerer, request: HttpRequest, closing: AbortSignal): Promise<HttpResponse> {
  if (request.method === 'GET' || request.method === 'HEAD') {
    return { status: 200, headers: textHeaders, body: 'Weightless chain: JSON-RPC by POST or WebSocket.\n' }
  }
  if (request.method !== 'POST') return { status: 405, headers: { ...textHeaders, allow: 'POST' }, body: 'POST only\n' }
  const text = bytesToText(await readBody(request.body, answerer.limits.bodyBytesMax))
  const answer = await answerRpc(answerer, text, { ended: [request.signal, closing] })
  return answer === undefined ? { status: 204 } : { status: 200, headers: jsonHeaders, body: answer }
}

/** One message after the other, so that a client that floods is slowed by its own socket. */
async function answerSocket(answerer: RpcAnswerer, socket: Socket): Promise<void> {
  const client: RpcSocket = {
    subscriptions: new Map(),
    notify: (subscription, result) =>
      socket.send(JSON.stringify({ jsonrpc: '2.0', method: 'eth_subscription', params: { subscription, result } })),
  }
  try {
    for await (const text of socket.messages) {
      const answer = await answerRpc(answerer, text, { socket: client })
      if (answer !== undefined && !socket.send(answer)) break
    }
  } catch (error) {
    answerer.log.warn('socket failed', { reason: error instanceof Error ? error.message : String(error) })
  } finally {
    for (const end of [...client.subscriptions.values()]) end()
    socket.close()
  }
}

const jsonHeaders = { 'content-type': 'application/json' }
const textHeaders = { 'content-type': 'text/plain; charset=utf-8' }
