/**
 * What a node has decided, durably: results by number, how to take them back until they are final, and where to read on. One
 * batch of the index holds a decision whole. Spec: kv §4.
 */
import {
  bytesToHex,
  bytesToText,
  bytesToUint,
  concatBytes,
  type Hex,
  readUint64,
  textToBytes,
  uintToBytes,
} from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import type { SortedEntry, SortedStore } from '@weightless/store'
import { afterPrefix, packBytes, rowPrefix, seqKey, unpackBytes } from '../state/rowKeys.ts'
import type { StreamSubmission } from './streamSource.ts'

export type Head = {
  /** First submission that the node saw; -1 before. */
  firstSeq: number
  /** All submissions before it are decided, or concern no stream of ours. */
  nextSeq: number
  /** Of the results of all transactions before `nextSeq`, `addToDigest` of each: equal on nodes that agree. */
  digest: Hex
  /** From here on the chain is to be read. */
  readFrom: number
  /** A block that was read, and its hash: if the chain has another there, it went back while we were away. */
  block: number
  blockHash: Hex
  /** Of the newest decision that is final. */
  settledBlock: number
  settledHash: Hex
}

export type Journal = {
  head(): Head
  /** Undefined while undecided, or when no stream of ours is concerned. */
  result(seq: number): string | undefined
  decide(submission: StreamSubmission, result: string, rows: readonly SortedEntry[]): Promise<void>
  saveHead(head: Partial<Head>): Promise<void>
  /** Forgets how to take back what is final. */
  settle(block: number): Promise<void>
  /** Takes back every decision after a block; returns the smallest number taken back. */
  revertTo(block: number): Promise<number | undefined>
  /** The newest decision that stands. */
  newestSeq(): number | undefined
  /** Where a decision stands that may be taken back. */
  place(seq: number): { block: number; blockHash: Hex } | undefined
  /** Decisions that may be taken back, newest first. */
  unsettled(): Generator<{ seq: number; block: number; blockHash: Hex; root: Hex }>
  clear(): Promise<void>
}

const noDigest = bytesToHex(new Uint8Array(32))
const emptyHead: Head = {
  firstSeq: -1,
  nextSeq: 0,
  digest: noDigest,
  readFrom: 0,
  block: -1,
  blockHash: '0x',
  settledBlock: -1,
  settledHash: '0x',
}
const headKey = rowPrefix('head')
const pageRows = 256

export function openJournal(store: SortedStore, startBlock: number): Journal {
  const stored = store.get(headKey)
  let head: Head = stored ? (JSON.parse(bytesToText(stored)) as Head) : { ...emptyHead, readFrom: startBlock }

  const write = async (next: Head, rows: readonly SortedEntry[]): Promise<void> => {
    await store.batch([...rows, { key: headKey, value: textToBytes(JSON.stringify(next)) }])
    head = next
  }
  const undoRows = function* (): Generator<{ seq: number; key: Uint8Array; undo: Undo }> {
    let end = afterPrefix(rowPrefix('undo'))
    for (;;) {
      const rows = store.range({ start: rowPrefix('undo'), end, limit: pageRows, reverse: true })
      for (const { key, value } of rows) yield { seq: seqOf(key), key, undo: decodeUndo(value) }
      if (rows.length < pageRows) return
      end = rows.at(-1)!.key
    }
  }

  const newestSeq = (): number | undefined => {
    const prefix = rowPrefix('result')
    const row = store.range({ start: prefix, end: afterPrefix(prefix), limit: 1, reverse: true })[0]
    return row && seqOf(row.key)
  }

  return {
    head: () => head,
    result(seq) {
      const row = store.get(seqKey('result', seq))
      return row && bytesToText(row)
    },
    decide(submission, result, rows) {
      const { seq, block, blockHash, root } = submission
      const facts = textToBytes(JSON.stringify({ block, blockHash, root }))
      return write(head, [
        ...rows,
        { key: seqKey('result', seq), value: textToBytes(result) },
        { key: seqKey('undo', seq), value: facts },
        { key: seqKey('undoKeys', seq), value: packBytes(rows.map(({ key }) => key)) },
      ])
    },
    saveHead: (changes) => write({ ...head, ...changes }, []),
    async settle(block) {
      let start = rowPrefix('undo')
      for (;;) {
        const rows = store.range({ start, end: afterPrefix(rowPrefix('undo')), limit: pageRows })
        const final = rows.filter(({ value }) => decodeUndo(value).block <= block)
        const newest = final.at(-1)
        if (newest) {
          const { block: settledBlock, blockHash: settledHash } = decodeUndo(newest.value)
          await write(
            { ...head, settledBlock, settledHash },
            final.flatMap(({ key }) =>
              [key, seqKey('undoKeys', seqOf(key))].map((row) => ({ key: row, value: undefined })),
            ),
          )
        }
        if (rows.length < pageRows) return
        start = concatBytes([rows.at(-1)!.key, new Uint8Array(1)])
      }
    },
    async revertTo(block) {
      let lowest: number | undefined
      for (const { seq, key } of [...undoRows()].filter((row) => row.undo.block > block)) {
        lowest = Math.min(lowest ?? seq, seq)
        const result = store.get(seqKey('result', seq))
        const digest =
          seq < head.nextSeq && result ? addToDigest(head.digest, seq, bytesToText(result), -1n) : head.digest
        const written = unpackBytes(store.get(seqKey('undoKeys', seq)) ?? new Uint8Array(0))
        const gone = [...written, seqKey('result', seq), key, seqKey('undoKeys', seq)]
        await write(
          { ...head, nextSeq: Math.min(head.nextSeq, seq), digest },
          gone.map((row) => ({ key: row, value: undefined })),
        )
      }
      // Of submissions without streams nothing is kept, so those after the newest decision count as not seen.
      const nextSeq = Math.min(head.nextSeq, (newestSeq() ?? head.firstSeq - 1) + 1)
      await write({ ...head, nextSeq, readFrom: Math.min(head.readFrom, block + 1) }, [])
      return lowest
    },
    newestSeq,
    place: (seq) => placeOf(store, seq),
    *unsettled() {
      for (const { seq, undo } of undoRows())
        yield { seq, block: undo.block, blockHash: undo.blockHash, root: undo.root }
    },
    async clear() {
      for (;;) {
        const rows = store.range({ limit: pageRows })
        if (rows.length === 0) break
        await store.batch(rows.map(({ key }) => ({ key, value: undefined })))
      }
      head = { ...emptyHead, readFrom: startBlock }
    },
  }
}

/**
 * Adds a result to a digest, or takes it out again: the sum modulo 2^256 of SHA-256 over `seq result`. It finds disagreement
 * between nodes that mean well; it is no commitment.
 */
export function addToDigest(digest: Hex, seq: number, result: string, sign: 1n | -1n = 1n): Hex {
  const sum = BigInt(digest) + sign * bytesToUint(sha256(textToBytes(`${seq} ${result}`)))
  return bytesToHex(uintToBytes(BigInt.asUintN(256, sum), 32))
}

type Undo = { block: number; blockHash: Hex; root: Hex }

function placeOf(store: SortedStore, seq: number): Undo | undefined {
  const row = store.get(seqKey('undo', seq))
  return row && decodeUndo(row)
}

function decodeUndo(bytes: Uint8Array): Undo {
  return JSON.parse(bytesToText(bytes)) as Undo
}

function seqOf(key: Uint8Array): number {
  return Number(readUint64(key, 1))
}
