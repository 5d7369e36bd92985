/**
 * One record of the block log: a block with all that is needed to answer questions about it, or the note that the chain
 * was taken back to an earlier block (evm_revert).
 *
 * Form: RLP. Block: [header, [raw…], senders (20 bytes each, joined), [[status, gasUsed, cumulativeGasUsed,
 * effectiveGasPrice, contractAddress, [[address, [topic…], data]…]]…]]. Rewind: [number].
 */
import {
  asRlpBytes,
  asRlpList,
  decodeRlp,
  encodeRlp,
  type RlpItem,
  rlpToUint,
  uintToRlp,
  WeightlessError,
  wrapRlpList,
} from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import { decodeTransaction } from '../transactions/decodeTransaction.ts'
import type { SignedTransaction } from '../transactions/transaction.ts'
import type { Block, BlockReceipt } from './block.ts'
import { type Header, headerFromRlp, headerToRlp } from './header.ts'

export type BlockRecord = { kind: 'block'; parts: BlockParts } | { kind: 'rewind'; number: number }

/** A block record taken apart, its transactions still as bytes: enough to index it. */
export type BlockParts = {
  header: Header
  hash: Uint8Array
  raws: readonly Uint8Array[]
  senders: Uint8Array
  receipts: readonly RlpItem[]
}

export function encodeBlockRecord(block: Block): Uint8Array {
  const senders = new Uint8Array(block.transactions.length * 20)
  block.transactions.forEach((transaction, index) => {
    senders.set(transaction.sender, index * 20)
  })
  return encodeRlp([
    headerToRlp(block.header),
    block.transactions.map((transaction) => transaction.raw),
    senders,
    block.receipts.map(receiptToRlp),
  ])
}

export function encodeRewindRecord(number: number): Uint8Array {
  return encodeRlp([uintToRlp(number)])
}

/** @throws {RlpInvalidError} */
export function decodeRecord(record: Uint8Array): BlockRecord {
  const items = asRlpList(decodeRlp(record))
  if (items.length === 1) return { kind: 'rewind', number: Number(rlpToUint(items[0])) }
  const headerItems = asRlpList(items[0])
  return {
    kind: 'block',
    parts: {
      header: headerFromRlp(headerItems),
      hash: keccak256(encodeRlp(headerItems)),
      raws: asRlpList(items[1]).map(asRlpBytes),
      senders: asRlpBytes(items[2]),
      receipts: asRlpList(items[3]),
    },
  }
}

/** @throws {BlockRecordInvalidError} */
export function partsToBlock(parts: BlockParts): Block {
  return {
    hash: parts.hash,
    header: parts.header,
    transactions: parts.raws.map((raw, index) => storedTransaction(raw, parts.senders, index)),
    receipts: parts.receipts.map(receiptFromRlp),
    sizeBytes: blockSizeBytes(parts.header, parts.raws),
  }
}

/** Bytes of [header, transactions, uncles, withdrawals] as the block travels on the wire. */
export function blockSizeBytes(header: Header, raws: readonly Uint8Array[]): number {
  const none = encodeRlp([])
  // A legacy transaction stands as a list, a typed one as a byte string.
  const wired = raws.map((raw) => (raw[0]! >= 0xc0 ? raw : encodeRlp(raw)))
  return wrapRlpList([encodeRlp(headerToRlp(header)), wrapRlpList(wired), none, none]).length
}

export function receiptLogs(receipt: RlpItem): readonly RlpItem[] {
  return asRlpList(asRlpList(receipt)[5])
}

function storedTransaction(raw: Uint8Array, senders: Uint8Array, index: number): SignedTransaction {
  const decoded = decodeTransaction(raw)
  if (!decoded.ok) throw new BlockRecordInvalidError({ index, reason: decoded.code })
  return { ...decoded.value.transaction, sender: senders.subarray(index * 20, index * 20 + 20) }
}

function receiptToRlp(receipt: BlockReceipt): RlpItem {
  return [
    uintToRlp(receipt.status),
    uintToRlp(receipt.gasUsed),
    uintToRlp(receipt.cumulativeGasUsed),
    uintToRlp(receipt.effectiveGasPrice),
    receipt.contractAddress ?? new Uint8Array(0),
    receipt.logs.map((log) => [log.address, log.topics, log.data]),
  ]
}

function receiptFromRlp(item: RlpItem): BlockReceipt {
  const fields = asRlpList(item)
  const contractAddress = asRlpBytes(fields[4])
  return {
    status: rlpToUint(fields[0]) === 1n ? 1 : 0,
    gasUsed: rlpToUint(fields[1]),
    cumulativeGasUsed: rlpToUint(fields[2]),
    effectiveGasPrice: rlpToUint(fields[3]),
    contractAddress: contractAddress.length === 0 ? undefined : contractAddress,
    logs: asRlpList(fields[5]).map((log) => {
      const [address, topics, data] = asRlpList(log)
      return { address: asRlpBytes(address), topics: asRlpList(topics).map(asRlpBytes), data: asRlpBytes(data) }
    }),
  }
}

export class BlockRecordInvalidError extends WeightlessError {
  constructor(facts: { index: number; reason: string }) {
    super('chain/block-record-invalid', 'A stored block holds a transaction that cannot be read.', facts)
  }
}
