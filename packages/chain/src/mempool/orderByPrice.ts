/**
 * Puts runnable transactions in the order of a block: highest tip first, earlier arrival among equals, and each sender's
 * nonces in a row. A binary heap over the senders' next transactions, so picking n of m costs n log m.
 */
import type { PooledTransaction } from './pooledTransaction.ts'

/** `next` gives the sender's following runnable transaction. */
export type RunnableSender = { first: PooledTransaction; next(nonce: number): PooledTransaction | undefined }

type Entry = { transaction: PooledTransaction; tip: bigint; sender: RunnableSender }

export function* orderByPrice(senders: Iterable<RunnableSender>, baseFeePerGas: bigint): Generator<PooledTransaction> {
  const heap: Entry[] = []
  for (const sender of senders) push(heap, entryOf(sender.first, sender, baseFeePerGas))
  while (heap.length > 0) {
    const { transaction, sender } = heap[0]!
    yield transaction
    const following = sender.next(transaction.nonce)
    if (following === undefined) pop(heap)
    else replaceTop(heap, entryOf(following, sender, baseFeePerGas))
  }
}

/** What the block's producer earns per gas; negative when the fee does not cover the base fee. */
export function effectiveTip(
  transaction: { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint },
  baseFee: bigint,
): bigint {
  const room = transaction.maxFeePerGas - baseFee
  if (room < transaction.maxPriorityFeePerGas) return room
  return transaction.maxPriorityFeePerGas
}

function entryOf(transaction: PooledTransaction, sender: RunnableSender, baseFee: bigint): Entry {
  return { transaction, tip: effectiveTip(transaction, baseFee), sender }
}

function goesBefore(a: Entry, b: Entry): boolean {
  return a.tip === b.tip ? a.transaction.arrival < b.transaction.arrival : a.tip > b.tip
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length
  heap.push(entry)
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!goesBefore(entry, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = entry
}

function pop(heap: Entry[]): void {
  const last = heap.pop()
  if (last !== undefined && heap.length > 0) replaceTop(heap, last)
}

function replaceTop(heap: Entry[], entry: Entry): void {
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && goesBefore(heap[child + 1]!, heap[child]!)) child++
    if (!goesBefore(heap[child]!, entry)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = entry
}
