/**
 * A chain and a storage network that are only what a key-value node sees of them, for tests and simulation: it submits
 * transactions, holds their bytes back or gives them, takes blocks back, and gives events twice or out of order.
 */
import { bytesToHex, type Hex, hexToBytes, textToBytes } from '@weightless/codec'
import { fileTree, sha256 } from '@weightless/crypto'
import type { Content, ContentFault, ContentSource } from '../replay/content.ts'
import type { StreamSource, StreamStep, StreamSubmission } from '../replay/streamSource.ts'
import { decodeStreamTags, encodeStreamTags, encodeTransaction, type Transaction } from '../wire/index.ts'

export type ScriptedLog = StreamSource &
  ContentSource & {
    /** Submits bytes, each in a block of its own, and gives the event to all watchers; returns the number. */
    submit(bytes: Uint8Array, options: { sender: Hex; streamIds?: readonly Hex[]; isHeldBack?: boolean }): number
    /** What was held back can be had from now on. */
    release(seq: number): void
    setFault(fault: ContentFault): void
    /** Lets time pass without blocks. */
    passSeconds(seconds: number): void
    /** Takes back every block after this one and tells all watchers, or leaves them to find out. */
    takeBack(block: number, options?: { isSilent?: boolean }): void
    give(step: StreamStep): void
    submissions(): readonly StreamSubmission[]
    block(): number
  }

export function createScriptedLog(): ScriptedLog {
  let submissions: StreamSubmission[] = []
  let block = 0
  let fork = 0
  let seconds = 1_000
  let fault: ContentFault = 'absent'
  const files = new Map<Hex, Uint8Array>()
  const heldBack = new Set<Hex>()
  const watchers = new Set<(step: StreamStep) => void>()
  const hashes = new Map<number, Hex>()
  const hashOf = (number: number): Hex => hashes.get(number) ?? bytesToHex(sha256(textToBytes(`${number} 0`)))
  const give = (step: StreamStep): void => {
    for (const watcher of watchers) watcher(step)
  }

  return {
    submit(bytes, { sender, streamIds, isHeldBack = false }) {
      block++
      hashes.set(block, bytesToHex(sha256(textToBytes(`${block} ${fork}`))))
      const root = bytesToHex(fileTree(bytes).root)
      files.set(root, bytes)
      if (isHeldBack) heldBack.add(root)
      else heldBack.delete(root)
      const seq = submissions.length
      const place = { block, blockHash: hashOf(block), blockSeconds: ++seconds }
      const submission = { seq, root, sizeBytes: bytes.length, sender, ...place, ...(streamIds && { streamIds }) }
      submissions.push(submission)
      give({ block, final: false, submissions: [submission] })
      return seq
    },
    release: (seq) => void heldBack.delete(submissions[seq]!.root),
    setFault: (next) => {
      fault = next
    },
    passSeconds: (more) => {
      seconds += more
    },
    takeBack(to, { isSilent = false } = {}) {
      fork++
      submissions = submissions.filter((submission) => submission.block <= to)
      for (const number of [...hashes.keys()]) if (number > to) hashes.delete(number)
      block = to
      if (!isSilent) give({ revert: to })
    },
    give,
    submissions: () => submissions,
    block: () => block,
    blockHash: (number) => Promise.resolve(number > block ? undefined : hashOf(number)),
    headSeconds: () => Promise.resolve(seconds),
    async *watch(fromBlock, signal) {
      const past = submissions.filter((submission) => submission.block >= fromBlock)
      const queue: StreamStep[] = [{ block, final: false, submissions: past }]
      let wake = (): void => undefined
      const watcher = (step: StreamStep): void => {
        queue.push(step)
        wake()
      }
      watchers.add(watcher)
      signal.addEventListener('abort', () => wake(), { once: true })
      try {
        while (!signal.aborted) {
          const step = queue.shift()
          if (step) yield step
          else
            await new Promise<void>((resolve) => {
              wake = resolve
            })
        }
      } finally {
        watchers.delete(watcher)
      }
    },
    open(root, sizeBytes): Promise<Content> {
      if (heldBack.has(root) || !files.has(root)) return Promise.reject(new WithheldError(fault))
      const bytes = files.get(root)!
      return Promise.resolve({
        sizeBytes,
        isLocked: false,
        read: (offset, length) => Promise.resolve(bytes.slice(offset, Math.min(offset + length, sizeBytes))),
      })
    },
    faultOf: (error) => (error instanceof WithheldError ? error.fault : 'broken'),
  }
}

class WithheldError extends Error {
  readonly fault: ContentFault
  constructor(fault: ContentFault) {
    super('held back')
    this.fault = fault
  }
}

/** The streams that a transaction's writes and controls touch: what its tags name. */
export function touchedStreams({ writes, controls }: Pick<Transaction, 'writes' | 'controls'>): Hex[] {
  const touched = new Set([...writes, ...controls].map(({ streamId }) => bytesToHex(streamId)))
  return decodeStreamTags(hexToBytes(encodeStreamTags([...touched])))!
}

export function submitTransaction(
  log: ScriptedLog,
  sender: Hex,
  transaction: Partial<Transaction>,
  options: { streamIds?: readonly Hex[]; isHeldBack?: boolean } = {},
): number {
  const whole = { version: 2n ** 64n - 1n, reads: [], writes: [], controls: [], ...transaction }
  const streamIds = options.streamIds ?? touchedStreams(whole)
  return log.submit(encodeTransaction(whole), { sender, streamIds, isHeldBack: options.isHeldBack ?? false })
}
