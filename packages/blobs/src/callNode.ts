/** One JSON-RPC call to a storage node or indexer, with a deadline and bounded answers. */
import { WeightlessError } from '@weightless/codec'
import type { Network } from '@weightless/env'

export type CallOptions = { signal?: AbortSignal; timeoutMs?: number }

const answerBytesMax = 8 * 1024 * 1024
const timeoutMsDefault = 15_000

/**
 * @throws {NodeRefusedError} for a JSON-RPC error, with its code, text and data
 * @throws {NetworkError} when no answer comes
 */
export async function callNode<Result>(
  network: Network,
  url: string,
  method: string,
  params: readonly unknown[],
  { signal, timeoutMs = timeoutMsDefault }: CallOptions = {},
): Promise<Result> {
  const response = await network.fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    timeoutMs,
    ...(signal ? { signal } : {}),
  })
  const answer = (await response.json(answerBytesMax)) as
    | { result?: Result; error?: { code: number; message: string; data?: unknown } }
    | undefined
  if (answer && typeof answer === 'object' && answer.error) {
    const { code, message, data } = answer.error
    throw new NodeRefusedError({ url, method, rpcCode: code, message, data: data === undefined ? '' : String(data) })
  }
  if (response.status !== 200 || !answer || typeof answer !== 'object' || !('result' in answer)) {
    throw new NodeRefusedError({ url, method, rpcCode: response.status, message: 'not a JSON-RPC answer', data: '' })
  }
  return answer.result as Result
}

/** Joins a base URL, with or without a slash at its end, and a path. */
export function joinUrl(base: string, path: string): string {
  return `${base.replace(/\/+$/, '')}${path}`
}

export class NodeRefusedError extends WeightlessError {
  declare readonly facts: { url: string; method: string; rpcCode: number; message: string; data: string }
  constructor(facts: { url: string; method: string; rpcCode: number; message: string; data: string }) {
    super('blobs/node-refused', 'A storage node refused a call.', facts)
  }
}
