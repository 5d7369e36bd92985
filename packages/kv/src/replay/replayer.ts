/**
 * Decides transactions in the order of the log, downloads ahead, and never lets one that cannot be had stop the others: a
 * transaction waits only for earlier ones that could change a stream that it touches, and nobody is waited for beyond a
 * deadline. Spec: kv §3.
 */
import { type Hex, hexToBytes } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { isPlanted } from '@weightless/store'
import type { StreamState } from '../state/streamState.ts'
import { applyTransaction } from './applyTransaction.ts'
import type { ContentSource } from './content.ts'
import { addToDigest, type Journal } from './journal.ts'
import {
  createPending,
  giveUp,
  isSmall,
  loadPending,
  type Pending,
  type ReplayLimits,
  streamsOf,
} from './pendingTransaction.ts'
import type { StreamSubmission } from './streamSource.ts'

export type ReplayerParts = {
  env: Pick<Env, 'clock' | 'log'>
  state: StreamState
  journal: Journal
  content: ContentSource
  isHeld(streamId: Hex): boolean
  limits: ReplayLimits
  /** Called after each decision, in the order of decisions. */
  onDecided(submission: StreamSubmission, result: string): void
}

export type Replayer = ReturnType<typeof createReplayer>

export function createReplayer(parts: ReplayerParts) {
  const { env, journal, limits } = parts
  const pending: Pending[] = []
  let headSeconds = 0
  let seenSeq = Math.max(journal.head().nextSeq, 0)
  const stopped = new AbortController()

  /** Whether a transaction could change a stream, as far as is known before it is read. */
  const mayWrite = ({ submission }: Pending, streamId: Hex): boolean =>
    parts.state.canWriteSomething(hexToBytes(submission.sender), hexToBytes(streamId), BigInt(submission.seq))

  async function decide(one: Pending, result: string | undefined): Promise<void> {
    const { submission, prepared } = one
    const read = typeof prepared === 'object' ? prepared : undefined
    const decision =
      result === undefined && read
        ? applyTransaction(parts.state, submission, read, parts.isHeld)
        : { result: result ?? String(prepared), rows: [] }
    await journal.decide(submission, decision.result, decision.rows)
    pending.splice(pending.indexOf(one), 1)
    parts.onDecided(submission, decision.result)
  }

  /** One walk over what is undecided, oldest first; returns whether anything was decided. */
  async function walk(wake: () => void): Promise<boolean> {
    const blocked = new Set<Hex>()
    const nowMs = env.clock.monotonicMs()
    let [loading, ahead, decided] = [pending.filter((one) => one.loading).length, 0, false]
    for (const one of pending.slice(0, walkedMax)) {
      const { submission } = one
      const isBlocked = streamsOf(one).some((streamId) => blocked.has(streamId))
      const needsLoad = one.prepared === undefined && !one.loading && nowMs >= one.nextAttemptMs
      const isWriter = isBlocked || submission.streamIds.some((streamId) => mayWrite(one, streamId))
      if (isBlocked) ahead++
      if (!isBlocked && !isWriter) {
        await decide(one, 'SenderNoWritePermission')
        decided = true
        continue
      }
      const result = giveUp(one, limits, { nowMs, headSeconds })
      if (!isBlocked && (one.prepared !== undefined || result !== undefined)) {
        await decide(one, one.prepared === undefined ? result : undefined)
        decided = true
        continue
      }
      if (needsLoad && loading < limits.downloadsMax && (!isBlocked || (ahead <= limits.aheadMax && isSmall(one)))) {
        loading++
        void loadPending(parts, one, stopped.signal).then(wake)
      }
      for (const streamId of submission.streamIds) {
        if (blocked.has(streamId) || isBlocked || mayWrite(one, streamId)) blocked.add(streamId)
      }
      if (isPlanted('kv-ignore-order')) blocked.clear()
    }
    return decided
  }

  return {
    /** Takes a submission; one that is decided or waiting is passed over. */
    add(submission: StreamSubmission): void {
      const { seq, streamIds } = submission
      seenSeq = Math.max(seenSeq, seq + 1)
      if (!streamIds || streamIds.length === 0 || !streamIds.every(parts.isHeld)) return
      if (journal.result(seq) !== undefined || pending.some((one) => one.submission.seq === seq)) return
      pending.push(createPending({ ...submission, streamIds }))
      pending.sort((a, b) => a.submission.seq - b.submission.seq)
    },
    /** All submissions before it were given. */
    seenSeq: () => seenSeq,
    undecided: (): readonly StreamSubmission[] => pending.map(({ submission }) => submission),
    setHeadSeconds(seconds: number): void {
      headSeconds = Math.max(headSeconds, seconds)
    },
    /** Decides what can be decided now; `wake` is called when there may be more. */
    async work(wake: () => void): Promise<void> {
      while (await walk(wake));
      await advance(journal, Math.min(seenSeq, pending[0]?.submission.seq ?? seenSeq))
    },
    /** Drops what was submitted after a block; decisions were taken back by the journal. */
    revertTo(block: number): void {
      pending.splice(0, pending.length, ...pending.filter(({ submission }) => submission.block <= block))
      seenSeq = Math.max(journal.head().nextSeq, (pending.at(-1)?.submission.seq ?? -1) + 1)
    },
    stop: () => stopped.abort(),
  }
}

/** Moves the head over what is decided. */
async function advance(journal: Journal, end: number): Promise<void> {
  const { nextSeq } = journal.head()
  let { digest } = journal.head()
  if (end <= nextSeq) return
  for (let seq = nextSeq; seq < end; seq++) {
    const result = journal.result(seq)
    if (result !== undefined) digest = addToDigest(digest, seq, result)
  }
  await journal.saveHead({ nextSeq: end, digest })
}

/** Looked at in one walk. */
const walkedMax = 4_096
