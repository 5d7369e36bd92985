/** The block that would come next: the head's successor with the pool's runnable transactions, not yet executed. */
import { bytesToHex, quantityToHex } from '@weightless/codec'
import { chainLimits } from '../limits.ts'
import { formatHeader } from './formatBlock.ts'
import { formatTransaction } from './formatTransaction.ts'
import type { RpcContext } from './rpcContext.ts'

export function formatPendingBlock(context: RpcContext, detail: 'hashes' | 'full'): { [field: string]: unknown } {
  const { engine, pool, blockTime } = context
  const { header, hash } = engine.head
  const transactions = pool.select(header.gasLimit, chainLimits.blockTransactionsMax)
  return {
    ...formatHeader(
      {
        ...header,
        parentHash: hash,
        number: header.number + 1,
        gasUsed: 0n,
        timestamp: blockTime.peek(header.timestamp),
        baseFeePerGas: engine.nextBaseFeePerGas(),
      },
      undefined,
    ),
    miner: null,
    nonce: null,
    logsBloom: null,
    size: quantityToHex(engine.head.sizeBytes),
    uncles: [],
    transactions: transactions.map((transaction) =>
      detail === 'full' ? formatTransaction(transaction, undefined) : bytesToHex(transaction.hash),
    ),
    withdrawals: [],
  }
}
