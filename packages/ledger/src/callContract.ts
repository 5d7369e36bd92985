/** One read-only contract call: encode, `eth_call`, decode; a revert becomes a typed error. */
import type { Hex } from '@weightless/codec'
import {
  type Abi,
  type ContractFunctionArgs,
  type ContractFunctionName,
  decodeFunctionResult,
  encodeFunctionData,
  type ReadContractReturnType,
} from 'viem'
import { decodeRevert, TransactionRevertedError } from './decodeRevert.ts'
import { type JsonRpc, RpcRefusedError } from './jsonRpc.ts'

export type ReadCall<
  abi extends Abi | readonly unknown[],
  functionName extends ContractFunctionName<abi, 'pure' | 'view'>,
  args extends ContractFunctionArgs<abi, 'pure' | 'view', functionName>,
> = {
  address: string
  abi: abi
  functionName: functionName | ContractFunctionName<abi, 'pure' | 'view'>
  /** A block number; the latest block without it. */
  blockNumber?: bigint
} & (readonly [] extends args ? { args?: args } : { args: args })

/** @throws {TransactionRevertedError} @throws {LedgerUnreachableError} */
export async function callContract<
  const abi extends Abi | readonly unknown[],
  functionName extends ContractFunctionName<abi, 'pure' | 'view'>,
  const args extends ContractFunctionArgs<abi, 'pure' | 'view', functionName>,
>(rpc: JsonRpc, call: ReadCall<abi, functionName, args>): Promise<ReadContractReturnType<abi, functionName, args>> {
  const { address, functionName, args, blockNumber } = call as { args?: readonly unknown[] } & typeof call
  const abi = call.abi as Abi
  const data = encodeFunctionData({ abi, functionName, ...(args ? { args } : {}) } as never)
  const result = await rawCall(rpc, { to: address, data }, abi, blockNumber)
  return decodeFunctionResult({ abi, functionName, data: result, ...(args ? { args } : {}) } as never) as never
}

/** `eth_call` whose revert is decoded with `abi`. */
export async function rawCall(
  rpc: JsonRpc,
  transaction: { from?: string; to: string; data?: Hex; value?: bigint },
  abi: Abi | readonly unknown[],
  blockNumber?: bigint,
): Promise<Hex> {
  const block = blockNumber === undefined ? 'latest' : `0x${blockNumber.toString(16)}`
  try {
    return (await rpc.request('eth_call', [transaction, block])) as Hex
  } catch (cause) {
    throw asRevert(cause, abi, transaction.to)
  }
}

/** The typed revert when the node's refusal is one, else the error itself. */
export function asRevert(cause: unknown, abi: Abi | readonly unknown[], to: string | undefined): unknown {
  if (!(cause instanceof RpcRefusedError)) return cause
  const reverted = cause.data !== undefined || cause.rpcCode === 3 || /revert/i.test(cause.rpcMessage)
  return reverted ? new TransactionRevertedError(decodeRevert(cause.data, abi), { to }, cause) : cause
}
