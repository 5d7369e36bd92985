/** Pushes over WebSocket: eth_subscribe to newHeads, logs, newPendingTransactions and syncing; eth_unsubscribe. */
import { bytesToHex } from '@weightless/codec'
import { formatHeader } from './formatBlock.ts'
import { formatTransaction } from './formatTransaction.ts'
import { logsOfBlock, readCriteria } from './logFilter.ts'
import { optional, readFields } from './params.ts'
import type { MethodTable, RpcContext, RpcSocket } from './rpcContext.ts'
import { invalidParams, RpcFault } from './rpcFault.ts'

type Notify = (result: unknown) => void

export function subscriptionMethods(context: RpcContext): MethodTable {
  return {
    eth_subscribe: ([kind, options], { socket }) => {
      if (socket === undefined)
        throw new RpcFault('method-not-found', 'notifications not supported over HTTP; use the WebSocket')
      return subscribe(context, socket, kind, options)
    },
    eth_unsubscribe: ([id], { socket }) => {
      const end = socket?.subscriptions.get(String(id))
      socket?.subscriptions.delete(String(id))
      end?.()
      return end !== undefined
    },
  }
}

function subscribe(context: RpcContext, socket: RpcSocket, kind: unknown, options: unknown): string {
  const { subscriptionsPerSocketMax } = context.limits
  if (socket.subscriptions.size >= subscriptionsPerSocketMax) {
    throw new RpcFault('limit-exceeded', `more than ${subscriptionsPerSocketMax} subscriptions on one socket`)
  }
  const id = bytesToHex(context.env.random.bytes(16))
  const stopListening = listenFor(context, kind, options, (result) => {
    if (!socket.notify(id, result)) end()
  })
  const leave = context.audience.join()
  const end = () => {
    stopListening()
    leave()
    socket.subscriptions.delete(id)
  }
  socket.subscriptions.set(id, end)
  return id
}

function listenFor({ engine, pool, limits }: RpcContext, kind: unknown, options: unknown, notify: Notify): () => void {
  switch (kind) {
    case 'newHeads':
      return engine.headMoved.listen((block) => notify(formatHeader(block.header, block.hash)))
    case 'logs': {
      const criteria = readCriteria(optional(options, readFields, 'filter') ?? {}, limits.logAddressesMax)
      return engine.headMoved.listen((block) => {
        for (const log of logsOfBlock(block, criteria)) notify(log)
      })
    }
    case 'newPendingTransactions':
      return pool.added.listen((transaction) =>
        notify(options === true ? formatTransaction(transaction, undefined) : transaction.key),
      )
    case 'syncing':
      // A chain of one is always in step, and says so once.
      queueMicrotask(() => notify(false))
      return () => undefined
    default:
      throw invalidParams(`no "${String(kind)}" subscription in eth namespace`)
  }
}
