/** Shows what waits: txpool_status, txpool_content, txpool_contentFrom, txpool_inspect, eth_pendingTransactions. */
import { bytesToHex, quantityToHex } from '@weightless/codec'
import type { PooledTransaction } from '../mempool/pooledTransaction.ts'
import { formatTransaction } from './formatTransaction.ts'
import { readAddress } from './params.ts'
import type { MethodTable, RpcContext } from './rpcContext.ts'

export function poolMethods({ pool }: RpcContext): MethodTable {
  const show = (transaction: PooledTransaction) => formatTransaction(transaction, undefined)
  return {
    txpool_status: () => {
      const { pending, queued } = pool.content()
      return { pending: quantityToHex(pending.length), queued: quantityToHex(queued.length) }
    },
    txpool_content: () => {
      const { pending, queued } = pool.content()
      return { pending: bySender(pending, show), queued: bySender(queued, show) }
    },
    txpool_contentFrom: ([address]) => {
      const from = bytesToHex(readAddress(address, 'address'))
      const { pending, queued } = pool.content()
      const own = (list: PooledTransaction[]) =>
        Object.fromEntries(list.filter(({ senderKey }) => senderKey === from).map((tx) => [tx.nonce, show(tx)]))
      return { pending: own(pending), queued: own(queued) }
    },
    txpool_inspect: () => {
      const { pending, queued } = pool.content()
      return { pending: bySender(pending, inspect), queued: bySender(queued, inspect) }
    },
    eth_pendingTransactions: () => pool.content().pending.map(show),
  }
}

function bySender(list: readonly PooledTransaction[], show: (transaction: PooledTransaction) => unknown) {
  const senders: { [sender: string]: { [nonce: string]: unknown } } = {}
  for (const transaction of list) {
    senders[transaction.senderKey] ??= {}
    senders[transaction.senderKey]![transaction.nonce] = show(transaction)
  }
  return senders
}

function inspect(transaction: PooledTransaction): string {
  const target = transaction.to ? bytesToHex(transaction.to) : 'contract creation'
  return `${target}: ${transaction.value} wei + ${transaction.gasLimit} gas x ${transaction.maxFeePerGas} wei`
}
