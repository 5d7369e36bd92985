/**
 * What a JSON-RPC caller is told when a request cannot be answered, and the one table of its wire numbers.
 * Spec: JSON-RPC 2.0 section 5.1; EIP-1474; 3 for reverts as geth has it; EIP-1193 numbers for accounts.
 */
import { type ErrorFacts, type Hex, WeightlessError } from '@weightless/codec'

export const wireNumbers = {
  'parse-error': -32700,
  'invalid-request': -32600,
  'method-not-found': -32601,
  'invalid-params': -32602,
  internal: -32603,
  /** geth's number for everything that the chain refuses. */
  refused: -32000,
  'not-found': -32001,
  'limit-exceeded': -32005,
  'execution-reverted': 3,
  unauthorized: 4100,
} as const

export type RpcCode = keyof typeof wireNumbers

/** `message` goes to the caller as it is, because libraries match on it; `data` is the revert data. */
export class RpcFault extends WeightlessError {
  readonly wireNumber: number
  readonly wireMessage: string
  readonly data: Hex | undefined

  constructor(code: RpcCode, message: string, options: { data?: Hex; facts?: ErrorFacts } = {}) {
    super(`chain/rpc-${code}`, message, options.facts)
    this.wireNumber = wireNumbers[code]
    this.wireMessage = message
    this.data = options.data
  }
}

export function invalidParams(message: string): RpcFault {
  return new RpcFault('invalid-params', message)
}
