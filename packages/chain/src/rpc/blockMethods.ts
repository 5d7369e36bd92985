/** Reads blocks: eth_blockNumber, eth_getBlockBy*, counts, uncles (there are none), eth_getBlockReceipts. */
import { quantityToHex } from '@weightless/codec'
import { formatBlock } from './formatBlock.ts'
import { formatPendingBlock } from './formatPendingBlock.ts'
import { formatReceipt } from './formatReceipt.ts'
import { type BlockName, readBlockName, readHash } from './params.ts'
import { findBlock, type MethodTable, type RpcContext } from './rpcContext.ts'

export function blockMethods(context: RpcContext): MethodTable {
  const byHash = (value: unknown): BlockName => ({ hash: readHash(value, 'blockHash') })
  const byNumber = (value: unknown): BlockName => readBlockName(value, 'blockNumber')
  const show = (name: BlockName, full: unknown) => {
    if ('tag' in name && name.tag === 'pending') return formatPendingBlock(context, full === true ? 'full' : 'hashes')
    const block = findBlock(context, name)
    return block ? formatBlock(block, full === true ? 'full' : 'hashes') : null
  }
  const count = (name: BlockName) => {
    if ('tag' in name && name.tag === 'pending') return quantityToHex(context.pool.content().pending.length)
    const block = findBlock(context, name)
    return block ? quantityToHex(block.transactions.length) : null
  }
  const uncles = (name: BlockName) => (findBlock(context, name) ? '0x0' : null)
  return {
    eth_blockNumber: () => {
      context.audience.poll()
      return quantityToHex(context.engine.head.header.number)
    },
    eth_getBlockByNumber: ([name, full]) => {
      const shown = show(byNumber(name), full)
      // Who asks for a block that has long been there does not wait for one.
      if (typeof name !== 'string' || !name.startsWith('0x') || shown === null) context.audience.poll()
      return shown
    },
    eth_getBlockByHash: ([hash, full]) => show(byHash(hash), full),
    eth_getBlockTransactionCountByNumber: ([name]) => count(byNumber(name)),
    eth_getBlockTransactionCountByHash: ([hash]) => count(byHash(hash)),
    eth_getUncleCountByBlockNumber: ([name]) => uncles(byNumber(name)),
    eth_getUncleCountByBlockHash: ([hash]) => uncles(byHash(hash)),
    eth_getUncleByBlockNumberAndIndex: () => null,
    eth_getUncleByBlockHashAndIndex: () => null,
    eth_getBlockReceipts: ([name]) => {
      const block = findBlock(context, byNumber(name))
      return block ? block.receipts.map((_, index) => formatReceipt(block, index)) : null
    },
  }
}
