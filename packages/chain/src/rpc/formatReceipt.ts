/** Receipts and logs as JSON-RPC shows them. */
import { bytesToHex, type Hex, quantityToHex } from '@weightless/codec'
import type { Block, BlockLog } from '../execution/block.ts'
import { emptyBloom } from '../execution/header.ts'
import { logsBloom } from '../execution/logsBloom.ts'

export function formatReceipt(block: Block, index: number): { [field: string]: unknown } {
  const receipt = block.receipts[index]!
  const transaction = block.transactions[index]!
  let logIndex = firstLogIndex(block, index)
  return {
    blockHash: bytesToHex(block.hash),
    blockNumber: quantityToHex(block.header.number),
    contractAddress: receipt.contractAddress ? bytesToHex(receipt.contractAddress) : null,
    cumulativeGasUsed: quantityToHex(receipt.cumulativeGasUsed),
    effectiveGasPrice: quantityToHex(receipt.effectiveGasPrice),
    from: bytesToHex(transaction.sender),
    gasUsed: quantityToHex(receipt.gasUsed),
    logs: receipt.logs.map((log) => formatLog(log, block, index, logIndex++)),
    logsBloom: formatBloom(logsBloom(receipt.logs)),
    status: quantityToHex(receipt.status),
    to: transaction.to ? bytesToHex(transaction.to) : null,
    transactionHash: bytesToHex(transaction.hash),
    transactionIndex: quantityToHex(index),
    type: quantityToHex(transaction.type),
  }
}

/** `logIndex` counts through the whole block. */
export function formatLog(log: BlockLog, block: Block, transactionIndex: number, logIndex: number) {
  return {
    address: bytesToHex(log.address),
    topics: log.topics.map(bytesToHex),
    data: bytesToHex(log.data),
    blockNumber: quantityToHex(block.header.number),
    blockTimestamp: quantityToHex(block.header.timestamp),
    transactionHash: bytesToHex(block.transactions[transactionIndex]!.hash),
    transactionIndex: quantityToHex(transactionIndex),
    blockHash: bytesToHex(block.hash),
    logIndex: quantityToHex(logIndex),
    removed: false,
  }
}

/** Most blooms are empty, and hex of 256 bytes is worth skipping. */
export function formatBloom(bloom: Uint8Array): Hex {
  return bloom.every((byte) => byte === 0) ? emptyBloomHex : bytesToHex(bloom)
}

export function firstLogIndex(block: Block, transactionIndex: number): number {
  let count = 0
  for (let index = 0; index < transactionIndex; index++) count += block.receipts[index]!.logs.length
  return count
}

const emptyBloomHex = bytesToHex(emptyBloom)
