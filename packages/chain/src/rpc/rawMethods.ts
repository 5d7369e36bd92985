/** Hands out consensus bytes for checking elsewhere: debug_getRawHeader, debug_getRawBlock, debug_getRawReceipts, debug_getRawTransaction. */
import { bytesToHex, concatBytes, encodeRlp, type RlpItem, uintToRlp, wrapRlpList } from '@weightless/codec'
import type { Block } from '../execution/block.ts'
import { headerToRlp } from '../execution/header.ts'
import { logsBloom } from '../execution/logsBloom.ts'
import { readBlockName, readHash } from './params.ts'
import { type MethodTable, type RpcContext, requireBlock } from './rpcContext.ts'

export function rawMethods(context: RpcContext): MethodTable {
  const blockOf = (name: unknown): Block => requireBlock(context, readBlockName(name, 'block'))
  return {
    debug_getRawHeader: ([name]) => bytesToHex(encodeRlp(headerToRlp(blockOf(name).header))),
    debug_getRawBlock: ([name]) => {
      const { header, transactions } = blockOf(name)
      const raws = transactions.map(({ raw, type }) => (type === 0 ? raw : encodeRlp(raw)))
      const none = encodeRlp([])
      return bytesToHex(wrapRlpList([encodeRlp(headerToRlp(header)), wrapRlpList(raws), none, none]))
    },
    debug_getRawReceipts: ([name]) => {
      const block = blockOf(name)
      return block.receipts.map((_, index) => bytesToHex(encodeReceipt(block, index)))
    },
    debug_getRawTransaction: ([value]) => {
      const hash = readHash(value, 'hash')
      const found = context.engine.blocks.transaction(hash)
      return found ? bytesToHex(found.block.transactions[found.index]!.raw) : '0x'
    },
  }
}

/** EIP-2718 receipt envelope. */
export function encodeReceipt(block: Block, index: number): Uint8Array {
  const receipt = block.receipts[index]!
  const { type } = block.transactions[index]!
  const fields: RlpItem[] = [
    uintToRlp(receipt.status),
    uintToRlp(receipt.cumulativeGasUsed),
    logsBloom(receipt.logs),
    receipt.logs.map((log) => [log.address, log.topics, log.data]),
  ]
  return type === 0 ? encodeRlp(fields) : concatBytes([new Uint8Array([type]), encodeRlp(fields)])
}
