/**
 * Keeps a replica equal to the chain: takes submissions in order, reads again where one is missing, goes back where the chain
 * did, and wakes the replayer. Spec: kv §2.1, §3.
 */
import { WeightlessError } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { isPlanted } from '@weightless/store'
import type { Journal } from './journal.ts'
import type { Replayer } from './replayer.ts'
import type { StreamSource, StreamSubmission } from './streamSource.ts'

export type FollowParts = {
  env: Pick<Env, 'clock' | 'log'>
  source: StreamSource
  journal: Journal
  replayer: Replayer
  /** Told after decisions were taken back. */
  onReverted(lowestSeq: number): void
}

const pauseMsMax = 30_000
const tickMs = 250
/** Reading the chain waits while so many are undecided. */
const undecidedMax = 65_536

/** Two loops until `signal` aborts: one reads the chain, one decides. Resolves when both have ended. */
export async function followStreams(parts: FollowParts, signal: AbortSignal): Promise<void> {
  const turns = createTurns()
  await Promise.all([readChain(parts, turns, signal), decideAll(parts, turns, signal)])
}

/** Steps of the two loops never overlap: a revert must not fall between a decision and its row. */
function createTurns() {
  let last: Promise<unknown> = Promise.resolve()
  let isWoken = false
  let wake = (): void => undefined
  return {
    take<Value>(run: () => Promise<Value>): Promise<Value> {
      const turn = last.then(run, run)
      last = turn.catch(() => undefined)
      return turn
    },
    wake(): void {
      isWoken = true
      wake()
    },
    /** Until somebody wakes, or the tick. */
    sleep: async ({ clock }: Pick<Env, 'clock'>, signal: AbortSignal): Promise<void> => {
      if (isWoken) {
        isWoken = false
        return
      }
      const timer = new AbortController()
      const waking = new Promise<void>((resolve) => {
        wake = resolve
      })
      const both = AbortSignal.any([signal, timer.signal])
      await Promise.race([waking, clock.sleep(tickMs, both).catch(() => undefined)])
      timer.abort()
      isWoken = false
    },
  }
}

type Turns = ReturnType<typeof createTurns>

async function decideAll({ env, source, replayer }: FollowParts, turns: Turns, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      if (replayer.undecided().length > 0) replayer.setHeadSeconds(await source.headSeconds())
      await turns.take(() => replayer.work(turns.wake))
    } catch (fault) {
      if (signal.aborted) return
      env.log.warn('replay was interrupted', { reason: messageOf(fault) })
      await env.clock.sleep(1_000, signal).catch(() => undefined)
    }
    await turns.sleep(env, signal)
  }
}

async function readChain(parts: FollowParts, turns: Turns, signal: AbortSignal): Promise<void> {
  const { env, source, journal, replayer } = parts
  for (let attempt = 0; !signal.aborted; attempt++) {
    let expected: number | undefined
    try {
      await turns.take(() => reconcile(parts))
      for await (const step of source.watch(journal.head().readFrom, signal)) {
        if ('revert' in step) {
          env.log.warn('streams taken back', { toBlock: step.revert })
          await turns.take(() => revert(parts, step.revert))
          // What was dropped further back than the step says has to be read again.
          if (await turns.take(() => reconcile(parts))) throw new StreamGapError({ expected: journal.head().nextSeq })
          expected = undefined
          continue
        }
        for (const submission of step.submissions) {
          if (expected !== undefined && submission.seq > expected) throw new StreamGapError({ expected })
          expected = Math.max(expected ?? 0, submission.seq + 1)
          const isKnown = await turns.take(() => take(parts, submission))
          if (!isKnown) throw new StreamGapError({ expected: submission.seq })
          attempt = 0
        }
        turns.wake()
        await turns.take(() => settle(parts, step))
        while (replayer.undecided().length > undecidedMax && !signal.aborted) await env.clock.sleep(tickMs, signal)
      }
    } catch (fault) {
      if (signal.aborted) return
      env.log.warn('following the streams was interrupted', { reason: messageOf(fault) })
    }
    await env.clock.sleep(Math.min(pauseMsMax, 200 * 2 ** Math.min(attempt, 10)), signal).catch(() => undefined)
  }
}

/** False when the number stood for something else: the chain went back unseen, and is read again from there. */
async function take(parts: FollowParts, submission: StreamSubmission): Promise<boolean> {
  const { journal, replayer } = parts
  if (journal.head().firstSeq < 0) await journal.saveHead({ firstSeq: submission.seq, nextSeq: submission.seq })
  const known = replayer.undecided().find(({ seq }) => seq === submission.seq) ?? journal.place(submission.seq)
  if (known && known.blockHash !== submission.blockHash) {
    await revert(parts, known.block - 1)
    return false
  }
  replayer.add(submission)
  return true
}

/** Remembers how far the chain was read; what is final need not be taken back any more. */
async function settle(
  { source, journal, replayer }: FollowParts,
  { block, final, submissions }: { block: number; final: boolean; submissions: readonly StreamSubmission[] },
): Promise<void> {
  if (final && !isPlanted('kv-keep-undo')) await journal.settle(block)
  const waiting = replayer.undecided()[0]
  const readFrom = waiting ? Math.min(waiting.block, block + 1) : block + 1
  if (submissions.length === 0 && readFrom - journal.head().readFrom < 1_000) return
  const blockHash = await source.blockHash(block)
  if (blockHash) await journal.saveHead({ readFrom, block, blockHash })
}

async function revert({ source, journal, replayer, onReverted }: FollowParts, block: number): Promise<void> {
  const lowest = isPlanted('kv-keep-reverted') ? undefined : await journal.revertTo(block)
  const blockHash = block < 0 ? undefined : await source.blockHash(block)
  if (blockHash) await journal.saveHead({ block, blockHash })
  replayer.revertTo(block)
  if (lowest !== undefined) onReverted(lowest)
}

/** Goes back to the newest decision that the chain still has, where it has other blocks than we saw; whether it did. */
async function reconcile(parts: FollowParts): Promise<boolean> {
  const { env, source, journal, replayer, onReverted } = parts
  const { block, blockHash, firstSeq, settledBlock, settledHash } = journal.head()
  const isSame = block < 0 || (await source.blockHash(block)) === blockHash
  let isNewest = true
  for (const decided of journal.unsettled()) {
    if ((await source.blockHash(decided.block)) === decided.blockHash) {
      if (isSame && isNewest) return false
      await revert(parts, decided.block)
      return true
    }
    isNewest = false
  }
  if (isSame && isNewest) return false
  if (settledBlock >= 0 && (await source.blockHash(settledBlock)) === settledHash) {
    await revert(parts, settledBlock)
    return true
  }
  env.log.warn('the chain is another one and is read again', { block })
  await journal.clear()
  replayer.revertTo(-1)
  onReverted(Math.max(0, firstSeq))
  return true
}

function messageOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault)
}

/** A submission is missing between two: events came late or out of order. */
class StreamGapError extends WeightlessError {
  constructor(facts: { expected: number }) {
    super('kv/stream-gap', 'A submission is missing and is asked for again.', facts)
  }
}
