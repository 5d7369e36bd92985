/** One copy of a set of streams: index, journal and the loops that keep it equal to the log. Spec: kv §3, §4. */
import type { Hex } from '@weightless/codec'
import type { Disk, Env } from '@weightless/env'
import { openSortedStore, type SortedStoreOptions } from '@weightless/store'
import type { ContentSource } from './replay/content.ts'
import { type ContentKeys, createDecryptingSource } from './replay/decryptContent.ts'
import { followStreams } from './replay/followStreams.ts'
import { type Head, openJournal } from './replay/journal.ts'
import { type ReplayLimits, replayLimits } from './replay/pendingTransaction.ts'
import { createReplayer } from './replay/replayer.ts'
import type { StreamSource } from './replay/streamSource.ts'
import { versionBytes } from './state/rowKeys.ts'
import { createStreamState, type StreamState } from './state/streamState.ts'
import type { ValueRef } from './state/valueRef.ts'

export type ReplicaOptions = {
  env: Pick<Env, 'clock' | 'log'>
  disk: Disk
  folder: string
  source: StreamSource
  content: ContentSource
  /** Open encrypted transactions. */
  keys?: ContentKeys
  /** Streams that are followed. */
  streams: 'all' | ReadonlySet<Hex>
  startBlock: number
  limits?: Partial<ReplayLimits>
  index?: Pick<SortedStoreOptions, 'memoryBytesMax' | 'cacheBytesMax'>
}

export type ReplicaEvent = { decided: number; result: string } | { reverted: number }

export type Replica = {
  state: StreamState
  head(): Head
  result(seq: number): string | undefined
  /** How many transactions wait to be decided. */
  undecided(): number
  /** @throws what `ContentSource.open` throws, for values that stand in the log */
  readValue(ref: ValueRef, start: number, length: number, signal: AbortSignal): Promise<Uint8Array>
  /** Calls back after every decision, until the returned function is called. */
  listen(onEvent: (event: ReplicaEvent) => void): () => void
  sizes(): { entries: number; diskBytes: number }
  close(): Promise<void>
}

/** @throws {LogCorruptError} */
export async function openReplica(options: ReplicaOptions): Promise<Replica> {
  const { env, disk, folder, source, streams, startBlock, keys = {} } = options
  const content = createDecryptingSource(options.content, keys)
  const store = await openSortedStore(disk, folder, { log: env.log, filterTailBytes: versionBytes, ...options.index })
  const state = createStreamState(store)
  const journal = openJournal(store, startBlock)
  const listeners = new Set<(event: ReplicaEvent) => void>()
  const tell = (event: ReplicaEvent): void => {
    for (const listener of listeners) listener(event)
  }
  const replayer = createReplayer({
    env,
    state,
    journal,
    content,
    isHeld: (streamId) => streams === 'all' || streams.has(streamId),
    limits: { ...replayLimits, ...options.limits },
    onDecided: (submission, result) => {
      env.log.debug('transaction decided', { seq: submission.seq, result })
      tell({ decided: submission.seq, result })
    },
  })
  const stop = new AbortController()
  const onReverted = (lowestSeq: number): void => tell({ reverted: lowestSeq })
  const ended = followStreams({ env, source, journal, replayer, onReverted }, stop.signal)

  return {
    state,
    head: () => journal.head(),
    result: (seq) => journal.result(seq),
    undecided: () => replayer.undecided().length,
    async readValue(ref, start, length, signal) {
      if (ref.kind === 'inline') return ref.bytes.subarray(start, start + length)
      const opened = await content.open(ref.root, ref.fileBytes, signal)
      return opened.read(ref.offset + start, Math.max(0, Math.min(length, ref.length - start)), signal)
    },
    listen(onEvent) {
      listeners.add(onEvent)
      return () => listeners.delete(onEvent)
    },
    sizes: () => store.sizes(),
    async close() {
      stop.abort()
      replayer.stop()
      await ended
      await store.close()
    },
  }
}
