/** Fetches what a transaction says, values left in the log but for small ones, so that deciding it needs no more waiting. */
import type { Hex } from '@weightless/codec'
import { inlineBytesMax, type ValueRef } from '../state/valueRef.ts'
import { parseError, readTransaction, type TransactionOutline } from '../wire/index.ts'
import type { Prepared } from './applyTransaction.ts'
import type { Content, ContentSource } from './content.ts'

/** Of small values copied into the index; the rest of a transaction's values stay in the log. */
const inlinedBytesMax = 16 * 1024 * 1024
const windowBytes = 256 * 1024

/** @returns the transaction, or the result of one that cannot be read. @throws what `source.faultOf` explains */
export async function prepareTransaction(
  source: ContentSource,
  { root, sizeBytes }: { root: Hex; sizeBytes: number },
  signal: AbortSignal,
): Promise<Prepared | string> {
  const content = await source.open(root, sizeBytes, signal)
  if (content.isLocked) return parseError('encrypted')
  const outline = await readTransaction((offset, length) => content.read(offset, length, signal), content.sizeBytes)
  if (!outline.ok) return parseError(outline.code)
  return { outline: outline.value, values: await refsOf(content, outline.value.writes, { root, sizeBytes }, signal) }
}

async function refsOf(
  content: Content,
  writes: TransactionOutline['writes'],
  { root, sizeBytes }: { root: Hex; sizeBytes: number },
  signal: AbortSignal,
): Promise<ValueRef[]> {
  const refs: ValueRef[] = []
  let inlinedBytes = 0
  let window: Uint8Array = new Uint8Array(0)
  let windowAt = 0
  for (const { offset, length } of writes) {
    if (length > inlineBytesMax || inlinedBytes + length > inlinedBytesMax) {
      refs.push({ kind: 'log', root, fileBytes: sizeBytes, offset, length })
      continue
    }
    if (offset < windowAt || offset + length > windowAt + window.length) {
      window = await content.read(offset, windowBytes, signal)
      windowAt = offset
    }
    inlinedBytes += length
    refs.push({ kind: 'inline', bytes: window.slice(offset - windowAt, offset - windowAt + length) })
  }
  return refs
}
