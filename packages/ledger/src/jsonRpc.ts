/** JSON-RPC over `env.network.fetch`: single calls and batches, bounded retries while the node does not answer. */
import { type Hex, WeightlessError } from '@weightless/codec'
import { createTurns, type Env } from '@weightless/env'

export type RpcCall = { method: string; params?: readonly unknown[] }

export type JsonRpc = {
  url: string
  /** @throws {LedgerUnreachableError} no answer, also after retries @throws {RpcRefusedError} the node said no */
  request(method: string, params?: readonly unknown[], signal?: AbortSignal): Promise<unknown>
  /** A question that the node holds until there is an answer: it keeps no other one waiting. Throws like `request`. */
  wait(method: string, params: readonly unknown[], signal?: AbortSignal): Promise<unknown>
  /** All calls in one HTTP request; throws the first refusal. Results are in the order of the calls. */
  batch(calls: readonly RpcCall[], signal?: AbortSignal): Promise<unknown[]>
}

export type JsonRpcOptions = {
  rpcUrl: string
  env: Pick<Env, 'network' | 'clock'>
  /** Time for one HTTP exchange. */
  requestTimeoutMs?: number
  /** Further attempts when nothing answers; a refusal is never repeated. */
  retriesMax?: number
}

/** An honest page of logs stays far below it. */
const responseBytesMax = 64 * 1024 * 1024
const firstRetryMs = 100
/** HTTP requests under way at once; a node takes some hundred connections, of all who ask. The rest wait in line. */
const requestsMax = 16

export function createJsonRpc(options: JsonRpcOptions): JsonRpc {
  const { env, rpcUrl, requestTimeoutMs = 15_000, retriesMax = 3 } = options
  const turns = createTurns(requestsMax, Number.POSITIVE_INFINITY)
  /** The line has no end: whoever asks is of this process, and awaits what it asks. */
  const inTurn = <Value>(run: () => Promise<Value>): Promise<Value> => turns.run(run)!
  let nextId = 1

  async function exchangeOnce(body: string, signal: AbortSignal | undefined): Promise<unknown> {
    const response = await env.network.fetch(rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      timeoutMs: requestTimeoutMs,
      ...(signal ? { signal } : {}),
    })
    return await response.json(responseBytesMax)
  }

  async function exchange(payload: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    const body = JSON.stringify(payload, (_, value) => (typeof value === 'bigint' ? `0x${value.toString(16)}` : value))
    for (let attempt = 0; ; attempt++) {
      signal?.throwIfAborted()
      try {
        return await exchangeOnce(body, signal)
      } catch (cause) {
        signal?.throwIfAborted()
        if (attempt >= retriesMax) throw new LedgerUnreachableError({ rpcUrl }, cause)
        await env.clock.sleep(firstRetryMs * 2 ** attempt, signal)
      }
    }
  }

  const envelope = (call: RpcCall) => ({ jsonrpc: '2.0', id: nextId++, method: call.method, params: call.params ?? [] })

  return {
    url: rpcUrl,
    async request(method, params, signal) {
      const call = envelope({ method, params: params ?? [] })
      return readAnswer(await inTurn(() => exchange(call, signal)), call.method, rpcUrl)
    },
    async wait(method, params, signal) {
      return readAnswer(await exchange(envelope({ method, params }), signal), method, rpcUrl)
    },
    async batch(calls, signal) {
      const envelopes = calls.map(envelope)
      const answers = await inTurn(() => exchange(envelopes, signal))
      if (!Array.isArray(answers)) return [readAnswer(answers, 'batch', rpcUrl)]
      const byId = new Map(answers.map((answer: { id?: unknown }) => [answer?.id, answer]))
      return envelopes.map((call) => readAnswer(byId.get(call.id), call.method, rpcUrl))
    },
  }
}

function readAnswer(answer: unknown, method: string, rpcUrl: string): unknown {
  if (typeof answer === 'object' && answer !== null) {
    if ('error' in answer && answer.error) throw refusal(answer.error, method)
    if ('result' in answer) return answer.result
  }
  throw new LedgerUnreachableError({ rpcUrl, method, reason: 'the answer is not JSON-RPC' })
}

function refusal(error: unknown, method: string): RpcRefusedError {
  const { code, message, data } = error as { code?: unknown; message?: unknown; data?: unknown }
  return new RpcRefusedError(method, Number(code ?? 0), String(message ?? 'refused'), revertData(data))
}

/** Nodes differ in where they put revert data: a string, or an object that holds it. */
function revertData(data: unknown): Hex | undefined {
  if (typeof data === 'string') return /^0x([0-9a-fA-F]{2})*$/.test(data) ? (data as Hex) : undefined
  if (typeof data === 'object' && data !== null && 'data' in data) return revertData(data.data)
  return undefined
}

/** The node answered and refused; `data` is revert data when the EVM produced any. */
export class RpcRefusedError extends WeightlessError {
  readonly rpcCode: number
  readonly rpcMessage: string
  readonly data: Hex | undefined

  constructor(method: string, rpcCode: number, rpcMessage: string, data: Hex | undefined) {
    const hint = /lack of funds|insufficient funds/i.test(rpcMessage)
      ? 'The paying account has too little on the chain; send it tokens, or pay with another account.'
      : undefined
    super('ledger/refused', `The chain node refused ${method}: ${rpcMessage}`, { rpcCode }, { ...(hint && { hint }) })
    this.rpcCode = rpcCode
    this.rpcMessage = rpcMessage
    this.data = data
  }
}

export class LedgerUnreachableError extends WeightlessError {
  constructor(facts: { rpcUrl: string; method?: string; reason?: string }, cause?: unknown) {
    super('ledger/unreachable', 'The chain node does not answer.', facts, {
      ...(cause === undefined ? {} : { cause }),
      hint: 'Check that the node runs and that the RPC address is right.',
    })
  }
}
