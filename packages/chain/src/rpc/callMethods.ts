/** Runs calls without changing anything: eth_call, eth_estimateGas, eth_createAccessList. */
import { bytesToHex, quantityToHex } from '@weightless/codec'
import { estimateGas } from './estimateGas.ts'
import { formatAccessList } from './formatTransaction.ts'
import { readCall } from './readCall.ts'
import { revertFault } from './revertFault.ts'
import type { MethodTable, RpcContext } from './rpcContext.ts'

export function callMethods(context: RpcContext): MethodTable {
  const { evm } = context
  return {
    eth_call: ([call, block, stateOverrides, blockOverrides]) => {
      const result = evm.call(readCall(context, { call, block, stateOverrides, blockOverrides }))
      if (result.status !== 'success') throw revertFault(result)
      return bytesToHex(result.output)
    },
    eth_estimateGas: ([call, block, stateOverrides, blockOverrides]) =>
      quantityToHex(estimateGas(context, { call, block, stateOverrides, blockOverrides })),
    eth_createAccessList: ([call, block]) => {
      const { accessList, result } = evm.createAccessList(readCall(context, { call, block: block ?? 'pending' }))
      if (result.status === 'invalid') throw revertFault(result)
      return {
        accessList: formatAccessList(accessList),
        gasUsed: quantityToHex(result.gasUsed),
        ...(result.status === 'success'
          ? {}
          : { error: result.status === 'halt' ? result.reason : 'execution reverted' }),
      }
    },
  }
}
