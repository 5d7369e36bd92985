/** Reads and takes transactions: eth_sendRawTransaction, eth_getTransaction*, eth_getTransactionReceipt. */
import { bytesToHex } from '@weightless/codec'
import type { PoolVerdict } from '../mempool/poolError.ts'
import { formatReceipt } from './formatReceipt.ts'
import { formatTransaction } from './formatTransaction.ts'
import { type BlockName, readBlockName, readBytes, readCount, readHash } from './params.ts'
import { findBlock, type MethodTable, type RpcContext } from './rpcContext.ts'
import { RpcFault } from './rpcFault.ts'

export function transactionMethods(context: RpcContext): MethodTable {
  const { engine, pool, audience } = context
  const at = (name: BlockName, index: unknown) => {
    const block = findBlock(context, name)
    const transaction = block?.transactions[readCount(index, 'index')]
    return block && transaction ? formatTransaction(transaction, { block, index: readCount(index, 'index') }) : null
  }
  return {
    eth_sendRawTransaction: async ([raw]) => {
      const added = await pool.add(readBytes(raw, 'transaction'))
      return bytesToHex(orRefuse(added).hash)
    },
    eth_getTransactionByHash: ([value]) => {
      const hash = readHash(value, 'hash')
      const found = engine.blocks.transaction(hash)
      if (found) return formatTransaction(found.block.transactions[found.index]!, found)
      const waiting = pool.get(hash)
      return waiting ? formatTransaction(waiting, undefined) : null
    },
    eth_getTransactionByBlockNumberAndIndex: ([name, index]) => at(readBlockName(name, 'blockNumber'), index),
    eth_getTransactionByBlockHashAndIndex: ([hash, index]) => at({ hash: readHash(hash, 'blockHash') }, index),
    eth_getRawTransactionByHash: ([value]) => {
      const hash = readHash(value, 'hash')
      const found = engine.blocks.transaction(hash)
      const raw = found ? found.block.transactions[found.index]!.raw : pool.get(hash)?.raw
      return raw ? bytesToHex(raw) : null
    },
    eth_getTransactionReceipt: ([value]) => {
      audience.poll()
      const found = engine.blocks.transaction(readHash(value, 'hash'))
      return found ? formatReceipt(found.block, found.index) : null
    },
  }
}

/** The pool's answer as a value, or its reason as geth's error. @throws {RpcFault} */
export function orRefuse<Value>(verdict: PoolVerdict<Value>): Value {
  if (verdict.ok) return verdict.value
  throw new RpcFault('refused', verdict.detail ?? verdict.code)
}
