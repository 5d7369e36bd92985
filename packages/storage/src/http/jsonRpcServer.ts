/** JSON-RPC 2.0 over HTTP POST: any id is echoed, every answer is HTTP 200, a batch is bounded. Spec: storage §6. */
import type { HttpResponse, Log } from '@weightless/env'
import { internalError, invalidRequest, methodMissing, parseError, type RpcFault } from '../wire/index.ts'
import { parseRequest } from './parseRequest.ts'

export type RpcAnswer = { readonly result: unknown } | { readonly fault: RpcFault }
export type RpcContext = { signal: AbortSignal; origin: string | undefined }
export type RpcMethod = (params: readonly unknown[], context: RpcContext) => Promise<RpcAnswer> | RpcAnswer
export type RpcMethods = { readonly [name: string]: RpcMethod }

const batchMax = 100

export async function answerJsonRpc(
  methods: RpcMethods,
  body: Uint8Array,
  context: RpcContext,
  log: Log,
): Promise<HttpResponse> {
  const request = parseRequest(body)
  if (request === undefined) return respond(envelope(null, { fault: parseError }))
  if (!Array.isArray(request)) return respond(await answerOne(methods, request, context, log))
  if (request.length === 0 || request.length > batchMax) return respond(envelope(null, { fault: invalidRequest }))
  const answers: string[] = []
  for (const one of request) answers.push(await answerOne(methods, one, context, log))
  return respond(`[${answers.join(',')}]`)
}

async function answerOne(methods: RpcMethods, request: unknown, context: RpcContext, log: Log): Promise<string> {
  if (typeof request !== 'object' || request === null) return envelope(null, { fault: invalidRequest })
  const { id = null, method, params = [] } = request as { readonly [name: string]: unknown }
  if (typeof method !== 'string') return envelope(id, { fault: invalidRequest })
  const run = Object.hasOwn(methods, method) ? methods[method] : undefined
  if (!run) return envelope(id, { fault: methodMissing })
  if (!Array.isArray(params)) {
    return envelope(id, { fault: { code: -32602, message: 'Invalid params', data: 'params must be an array' } })
  }
  try {
    return envelope(id, await run(params, context))
  } catch (fault) {
    log.error('rpc method failed', { method, reason: fault instanceof Error ? fault.message : String(fault) })
    return envelope(id, { fault: internalError(fault instanceof Error ? fault.message : 'unknown') })
  }
}

function envelope(id: unknown, answer: RpcAnswer): string {
  const known = typeof id === 'string' || typeof id === 'number' ? id : null
  return 'fault' in answer
    ? JSON.stringify({ jsonrpc: '2.0', id: known, error: answer.fault })
    : JSON.stringify({ jsonrpc: '2.0', id: known, result: answer.result ?? null })
}

function respond(body: string): HttpResponse {
  return { status: 200, headers: { 'content-type': 'application/json' }, body }
}
