/** Gas for a transaction that may have to wait a block. */
import type { BlockContext } from '@weightless/evm'
import { readCall } from './readCall.ts'
import { revertFault } from './revertFault.ts'
import type { RpcContext } from './rpcContext.ts'

type EstimateParams = { call: unknown; block?: unknown; stateOverrides?: unknown; blockOverrides?: unknown }

/**
 * The gas limit, to within 1.5 %, with which a call succeeds. Of the next block (`pending`, or none named) it is the larger of that
 * block's and the one's after it: when somebody else's transaction takes the next block, work that a contract does once in so many
 * blocks falls to this one, which would run out of gas.
 * @throws {RpcFault} it fails in the block that was asked about
 */
export function estimateGas(context: RpcContext, params: EstimateParams): bigint {
  const isAhead = params.block == null || params.block === 'pending'
  const call = readCall(context, { ...params, block: params.block ?? 'pending' })
  const estimate = context.evm.estimateGas(call)
  if (!estimate.ok) throw revertFault(estimate.result)
  if (!isAhead || !call.data?.length) return estimate.gas
  const later = context.evm.estimateGas({ ...call, block: blockAfter(call.block) })
  return later.ok && later.gas > estimate.gas ? later.gas : estimate.gas
}

/** As far as it can be known: the hash of the block between is not, so that another stands for it. */
function blockAfter(block: BlockContext): BlockContext {
  const { number, timestamp, blockHashes } = block
  return {
    ...block,
    number: number + 1,
    timestamp: timestamp + 1,
    blockHashes: [blockHashes[0]!, ...blockHashes].slice(0, 256),
  }
}
