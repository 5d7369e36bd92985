/** A transaction as eth_getTransaction* shows it; null places while it waits in the pool. */
import { bytesToHex, bytesToUint, type Hex, quantityToHex } from '@weightless/codec'
import type { Block } from '../execution/block.ts'
import type { AccessListEntry, SignedTransaction } from '../transactions/transaction.ts'

export function formatTransaction(
  transaction: SignedTransaction,
  place: { block: Block; index: number } | undefined,
): { [field: string]: unknown } {
  return {
    blockHash: place ? bytesToHex(place.block.hash) : null,
    blockNumber: place ? quantityToHex(place.block.header.number) : null,
    blockTimestamp: place ? quantityToHex(place.block.header.timestamp) : null,
    from: bytesToHex(transaction.sender),
    gas: quantityToHex(transaction.gasLimit),
    ...formatFees(transaction, place),
    hash: bytesToHex(transaction.hash),
    input: bytesToHex(transaction.data),
    nonce: quantityToHex(transaction.nonce),
    to: transaction.to ? bytesToHex(transaction.to) : null,
    transactionIndex: place ? quantityToHex(place.index) : null,
    value: quantityToHex(transaction.value),
    type: quantityToHex(transaction.type),
    ...(transaction.type === 0 ? {} : { accessList: formatAccessList(transaction.accessList) }),
    ...(transaction.chainId === undefined ? {} : { chainId: quantityToHex(transaction.chainId) }),
    v: quantityToHex(transaction.signature.v),
    r: scalarToHex(transaction.signature.r),
    s: scalarToHex(transaction.signature.s),
    ...(transaction.type === 0 ? {} : { yParity: quantityToHex(transaction.signature.yParity) }),
  }
}

export function formatAccessList(list: readonly AccessListEntry[]): { address: Hex; storageKeys: Hex[] }[] {
  return list.map((entry) => ({ address: bytesToHex(entry.address), storageKeys: entry.storageKeys.map(bytesToHex) }))
}

function formatFees(transaction: SignedTransaction, place: { block: Block; index: number } | undefined) {
  if (transaction.type < 2) return { gasPrice: quantityToHex(transaction.maxFeePerGas) }
  const paid = place?.block.receipts[place.index]?.effectiveGasPrice ?? transaction.maxFeePerGas
  return {
    gasPrice: quantityToHex(paid),
    maxFeePerGas: quantityToHex(transaction.maxFeePerGas),
    maxPriorityFeePerGas: quantityToHex(transaction.maxPriorityFeePerGas),
  }
}

function scalarToHex(scalar: Uint8Array): Hex {
  return quantityToHex(bytesToUint(scalar))
}
