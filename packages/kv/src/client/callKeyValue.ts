/** One JSON-RPC call to a key-value node, with a deadline and bounded answers. */
import { WeightlessError } from '@weightless/codec'
import type { Network } from '@weightless/env'

export type CallKeyValue = <Result>(method: string, params: readonly unknown[], signal?: AbortSignal) => Promise<Result>

const answerBytesMax = 16 * 1024 * 1024

/** @throws {KeyValueRefusedError} {NetworkError} */
export function createCaller(network: Network, url: string, timeoutMs: number): CallKeyValue {
  return async <Result>(method: string, params: readonly unknown[], signal?: AbortSignal): Promise<Result> => {
    const response = await network.fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
      timeoutMs,
      ...(signal && { signal }),
    })
    const answer = (await response.json(answerBytesMax)) as
      | { result?: Result; error?: { code: number; message: string; data?: unknown } }
      | undefined
    if (answer && typeof answer === 'object' && 'result' in answer) return answer.result as Result
    const { code = response.status, message = 'not a JSON-RPC answer', data = '' } = answer?.error ?? {}
    throw new KeyValueRefusedError({ url, method, rpcCode: code, message, data: String(data) })
  }
}

export class KeyValueRefusedError extends WeightlessError {
  constructor(facts: { url: string; method: string; rpcCode: number; message: string; data: string }) {
    super('kv/refused', 'The key-value node refused a call.', facts)
  }
}
