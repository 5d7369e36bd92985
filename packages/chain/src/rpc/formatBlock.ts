/** A block as eth_getBlockBy* and newHeads show it. */
import { bytesToHex, type Hex, quantityToHex } from '@weightless/codec'
import type { Block } from '../execution/block.ts'
import { emptyUnclesHash, type Header } from '../execution/header.ts'
import { formatBloom } from './formatReceipt.ts'
import { formatTransaction } from './formatTransaction.ts'

export function formatHeader(header: Header, hash: Uint8Array | undefined): { [field: string]: unknown } {
  return {
    number: quantityToHex(header.number),
    hash: hash === undefined ? null : bytesToHex(hash),
    parentHash: bytesToHex(header.parentHash),
    mixHash: bytesToHex(header.prevRandao),
    nonce: '0x0000000000000000',
    sha3Uncles: unclesHex,
    logsBloom: formatBloom(header.logsBloom),
    transactionsRoot: bytesToHex(header.transactionsRoot),
    stateRoot: bytesToHex(header.stateRoot),
    receiptsRoot: bytesToHex(header.receiptsRoot),
    miner: bytesToHex(header.coinbase),
    difficulty: '0x0',
    extraData: bytesToHex(header.extraData),
    gasLimit: quantityToHex(header.gasLimit),
    gasUsed: quantityToHex(header.gasUsed),
    timestamp: quantityToHex(header.timestamp),
    baseFeePerGas: quantityToHex(header.baseFeePerGas),
    withdrawalsRoot: bytesToHex(header.withdrawalsRoot),
    blobGasUsed: quantityToHex(header.blobGasUsed),
    excessBlobGas: quantityToHex(header.excessBlobGas),
    parentBeaconBlockRoot: bytesToHex(header.parentBeaconBlockRoot),
  }
}

export function formatBlock(block: Block, detail: 'hashes' | 'full'): { [field: string]: unknown } {
  return {
    ...formatHeader(block.header, block.hash),
    size: quantityToHex(block.sizeBytes),
    uncles: [],
    transactions: block.transactions.map((transaction, index) =>
      detail === 'full' ? formatTransaction(transaction, { block, index }) : bytesToHex(transaction.hash),
    ),
    withdrawals: [],
  }
}

const unclesHex: Hex = bytesToHex(emptyUnclesHash)
