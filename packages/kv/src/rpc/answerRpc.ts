/** JSON-RPC 2.0 over POST and WebSocket: any id is echoed, a batch is bounded, a fault inside becomes an error. Spec: kv §5. */
import { bytesToText } from '@weightless/codec'
import type { Log } from '@weightless/env'
import { internalError, invalidRequest, methodMissing, parseError, type RpcFault } from '@weightless/storage/wire'
import { ParamInvalid } from './readParams.ts'

export type RpcAnswer = { readonly result: unknown } | { readonly fault: RpcFault }
export type RpcContext = { signal: AbortSignal; remoteAddress: string }
export type RpcMethod = (params: readonly unknown[], context: RpcContext) => Promise<RpcAnswer> | RpcAnswer
export type RpcMethods = { readonly [name: string]: RpcMethod }

const batchMax = 100

export async function answerRpc(
  methods: RpcMethods,
  body: Uint8Array | string,
  context: RpcContext,
  log: Log,
): Promise<string> {
  const request = parse(typeof body === 'string' ? body : bytesToText(body))
  if (request === undefined) return envelope(null, { fault: parseError })
  if (!Array.isArray(request)) return answerOne(methods, request, context, log)
  if (request.length === 0 || request.length > batchMax) return envelope(null, { fault: invalidRequest })
  const answers: string[] = []
  for (const one of request) answers.push(await answerOne(methods, one, context, log))
  return `[${answers.join(',')}]`
}

async function answerOne(methods: RpcMethods, request: unknown, context: RpcContext, log: Log): Promise<string> {
  if (typeof request !== 'object' || request === null) return envelope(null, { fault: invalidRequest })
  const { id = null, method, params } = request as { readonly [name: string]: unknown }
  if (typeof method !== 'string') return envelope(id, { fault: invalidRequest })
  // One published client writes kv_IsAdmin.
  const name = method === 'kv_IsAdmin' ? 'kv_isAdmin' : method
  const run = Object.hasOwn(methods, name) ? methods[name] : undefined
  if (!run) return envelope(id, { fault: methodMissing })
  if (params !== undefined && params !== null && !Array.isArray(params)) {
    return envelope(id, { fault: { code: -32602, message: 'Invalid params', data: 'params must be an array' } })
  }
  try {
    return envelope(id, await run((params as unknown[] | null | undefined) ?? [], context))
  } catch (fault) {
    if (fault instanceof ParamInvalid) return envelope(id, { fault: fault.fault })
    if (context.signal.aborted) return envelope(id, { fault: internalError('the client went away') })
    const reason = fault instanceof Error ? fault.message : String(fault)
    log.warn('rpc method failed', { method, reason })
    return envelope(id, { fault: internalError(reason.slice(0, 300)) })
  }
}

function envelope(id: unknown, answer: RpcAnswer): string {
  const known = typeof id === 'string' || typeof id === 'number' ? id : null
  return 'fault' in answer
    ? JSON.stringify({ jsonrpc: '2.0', id: known, error: answer.fault })
    : JSON.stringify({ jsonrpc: '2.0', id: known, result: answer.result ?? null })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
