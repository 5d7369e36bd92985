/** A call that did not succeed, as geth reports it: reverts with code 3, their data, and the reason if it can be read. */
import { bytesToHex, bytesToText, bytesToUint } from '@weightless/codec'
import type { CallOutput } from '@weightless/evm'
import { RpcFault } from './rpcFault.ts'

export function revertFault(result: Exclude<CallOutput, { status: 'success' }>): RpcFault {
  if (result.status === 'invalid') return new RpcFault('refused', result.message)
  if (result.status === 'halt') return new RpcFault('refused', result.reason)
  const reason = revertReason(result.output)
  const message = reason === undefined ? 'execution reverted' : `execution reverted: ${reason}`
  return new RpcFault('execution-reverted', message, { data: bytesToHex(result.output) })
}

/** The text of Error(string), the meaning of Panic(uint256), or undefined for custom errors and no data. */
export function revertReason(data: Uint8Array): string | undefined {
  const selector = bytesToHex(data.subarray(0, 4))
  if (selector === '0x4e487b71' && data.length >= 36) {
    const code = bytesToUint(data.subarray(4, 36))
    return panics.get(code) ?? `unknown panic code: 0x${code.toString(16)}`
  }
  if (selector !== '0x08c379a0' || data.length < 68) return undefined
  const length = bytesToUint(data.subarray(36, 68))
  if (bytesToUint(data.subarray(4, 36)) !== 32n || length > BigInt(data.length - 68)) return undefined
  return bytesToText(data.subarray(68, 68 + Number(length)))
}

/** Spec: Solidity, "Panic via assert and Error via require"; geth's words. */
const panics = new Map<bigint, string>([
  [0x00n, 'generic panic'],
  [0x01n, 'assert(false)'],
  [0x11n, 'arithmetic underflow or overflow'],
  [0x12n, 'division or modulo by zero'],
  [0x21n, 'enum overflow'],
  [0x22n, 'invalid encoded storage byte array accessed'],
  [0x31n, 'out-of-bounds array access; popping on an empty array'],
  [0x32n, 'out-of-bounds access of an array or bytesN'],
  [0x41n, 'out of memory'],
  [0x51n, 'uninitialized function'],
])
