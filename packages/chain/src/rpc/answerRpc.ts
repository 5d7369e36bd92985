/** Takes JSON-RPC text, single or batch, and gives the text of the answer. Spec: JSON-RPC 2.0. */
import { WeightlessError } from '@weightless/codec'
import type { Log } from '@weightless/env'
import type { rpcLimits } from '../limits.ts'
import type { MethodTable, RpcCaller } from './rpcContext.ts'
import { RpcFault } from './rpcFault.ts'

export type RpcAnswerer = { methods: MethodTable; limits: typeof rpcLimits; log: Log }

type Request = { id: string | number | null; method: string; params: readonly unknown[] }

/** Undefined when nothing is to be answered (notifications only). Never throws. */
export async function answerRpc(answerer: RpcAnswerer, text: string, caller: RpcCaller): Promise<string | undefined> {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return failure(null, new RpcFault('parse-error', 'parse error'))
  }
  return Array.isArray(message)
    ? await answerBatch(answerer, message, caller)
    : await answerOne(answerer, message, caller)
}

async function answerBatch(
  answerer: RpcAnswerer,
  batch: readonly unknown[],
  caller: RpcCaller,
): Promise<string | undefined> {
  const { batchMax, batchResponseCharsMax } = answerer.limits
  if (batch.length === 0) return failure(null, new RpcFault('invalid-request', 'empty batch'))
  if (batch.length > batchMax) {
    return failure(null, new RpcFault('limit-exceeded', `batch too large: ${batch.length} requests, limit ${batchMax}`))
  }
  let chars = 0
  const answers = await Promise.all(
    batch.map(async (message) => {
      const answer =
        chars > batchResponseCharsMax
          ? failure(idOf(message), new RpcFault('limit-exceeded', 'response too large'))
          : await answerOne(answerer, message, caller)
      chars += answer?.length ?? 0
      return answer
    }),
  )
  const spoken = answers.filter((answer) => answer !== undefined)
  return spoken.length === 0 ? undefined : `[${spoken.join(',')}]`
}

async function answerOne(answerer: RpcAnswerer, message: unknown, caller: RpcCaller): Promise<string | undefined> {
  const request = readRequest(message)
  if (request === undefined) return failure(idOf(message), new RpcFault('invalid-request', 'invalid request'))
  const isNotification = !('id' in (message as object))
  try {
    const method = Object.hasOwn(answerer.methods, request.method) ? answerer.methods[request.method] : undefined
    if (method === undefined) {
      throw new RpcFault(
        'method-not-found',
        `the method ${request.method.slice(0, 100)} does not exist/is not available`,
      )
    }
    const result = await method(request.params, caller)
    if (isNotification) return undefined
    return `{"jsonrpc":"2.0","id":${JSON.stringify(request.id)},"result":${JSON.stringify(result ?? null)}}`
  } catch (error) {
    const fault = toFault(error, request, answerer.log)
    return isNotification ? undefined : failure(request.id, fault)
  }
}

function readRequest(message: unknown): Request | undefined {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return undefined
  const { id, method, params } = message as { id?: unknown; method?: unknown; params?: unknown }
  if (typeof method !== 'string') return undefined
  if (params !== undefined && params !== null && !Array.isArray(params)) return undefined
  if (id !== undefined && id !== null && typeof id !== 'string' && typeof id !== 'number') return undefined
  return { id: id ?? null, method, params: params ?? [] }
}

function idOf(message: unknown): string | number | null {
  const id = typeof message === 'object' && message !== null ? (message as { id?: unknown }).id : undefined
  return typeof id === 'string' || typeof id === 'number' ? id : null
}

/** Faults of ours are logged and described to the caller by their first line only. */
function toFault(error: unknown, request: Request, log: Log): RpcFault {
  if (error instanceof RpcFault) return error
  const message = error instanceof WeightlessError ? error.shortMessage : 'internal error'
  log.error('request failed', { method: request.method, reason: error instanceof Error ? error.stack : String(error) })
  return new RpcFault('internal', message)
}

function failure(id: string | number | null, fault: RpcFault): string {
  const error = {
    code: fault.wireNumber,
    message: fault.wireMessage,
    ...(fault.data === undefined ? {} : { data: fault.data }),
  }
  return JSON.stringify({ jsonrpc: '2.0', id, error })
}
