/** Everything about a payload that can be checked against its parent before it is executed. Spec: Engine API, EIP-1559. */
import { bytesEqual } from '@weightless/codec'
import type { ExecutionPayloadV3 } from '../engine.ts'
import type { Header } from './header.ts'
import { nextBaseFee } from './nextBaseFee.ts'

/** The first rule the payload breaks, or undefined. */
export function checkPayload(payload: ExecutionPayloadV3, parent: Header): string | undefined {
  if (payload.blockNumber !== parent.number + 1) return 'block number does not follow its parent'
  // Several blocks may stand in one second: time is the wall clock's and never runs ahead of it.
  if (payload.timestamp < parent.timestamp) return 'timestamp before its parent'
  if (payload.extraData.length > 32) return 'extra data above 32 bytes'
  if (payload.gasUsed > payload.gasLimit) return 'gas used above gas limit'
  const step = payload.gasLimit - parent.gasLimit
  if ((step < 0n ? -step : step) >= parent.gasLimit / 1024n) return 'gas limit moves too far from its parent'
  if (payload.baseFeePerGas !== nextBaseFee(parent)) return 'base fee is not the one that follows its parent'
  if (payload.blobGasUsed !== 0n || payload.excessBlobGas !== 0n) return 'blob gas in a chain without blobs'
  if (payload.withdrawals.length > 0) return 'withdrawals in a chain without a deposit contract'
  return undefined
}

/** Names the first field in which the executed header differs from what the payload claims. */
export function compareExecuted(payload: ExecutionPayloadV3, executed: Header): string | undefined {
  if (!bytesEqual(payload.stateRoot, executed.stateRoot)) return 'invalid merkle root'
  if (!bytesEqual(payload.receiptsRoot, executed.receiptsRoot)) return 'invalid receipt root hash'
  if (!bytesEqual(payload.logsBloom, executed.logsBloom)) return 'invalid bloom'
  if (payload.gasUsed !== executed.gasUsed) return 'invalid gas used'
  return undefined
}
