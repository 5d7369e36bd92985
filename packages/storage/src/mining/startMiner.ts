/**
 * The miner: asks the chain what to work on, recalls in workers, hands answers in. It never takes more of the machine than
 * its share, and stops between windows. Spec: mining §4, §5.
 */
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import type { MinableSegments, ProveSeal } from './minableSegments.ts'
import type { MinerControl } from './minerMethods.ts'
import { type Puzzle, puzzleOf, readWork } from './readWork.ts'
import { type Hit, openRecaller, type RecallCount } from './recall.ts'
import { type AnswerOutcome, submitAnswer } from './submitAnswer.ts'
import { isWorthMining, type PayRule } from './weighPay.ts'

export type MinerOptions = {
  env: Pick<Env, 'clock' | 'random' | 'tasks' | 'log' | 'metrics'>
  ledger: Ledger
  /** Address of the PoraMine contract. */
  mine: Hex
  minerId: Hex
  segments: MinableSegments
  prove: ProveSeal
  /** Worker threads; 1 by default. */
  workers?: number
  /** Share of those threads' time that mining takes, above 0 and up to 1; 1 by default. */
  share?: number
  /** How often the chain is asked; 1,000 by default. */
  pollMs?: number
  /** Time for one answer from submission to its receipt; 30,000 by default. */
  answerDeadlineMs?: number
  /** Without it everything is mined, whatever it pays. */
  pay?: PayRule
  /** Told of each answer, and of the segment of the flow that it came from. */
  onAnswer?(outcome: AnswerOutcome, globalSegment: number): void
}

export type MinerStatus = {
  minerId: Hex
  /**
   * `idle`: no epoch, enough answers, or not this miner's window; `resting`: what is kept here pays too little; `paused`:
   * somebody told it to.
   */
  state: 'idle' | 'mining' | 'resting' | 'away' | 'paused'
  epoch: bigint
  nonces: number
  recalls: number
  seals: number
  answers: number
  accepted: number
  refused: number
}

export type Miner = MinerControl & {
  status(): MinerStatus
  close(): Promise<void>
}

/** Answers that wait to be handed in; more than a window takes are of no use. */
const waitingMax = 16
const batchNonces = 32
const loadSectors = 1024

export function startMiner(options: MinerOptions): Miner {
  const { env, minerId, segments, workers = 1, share = 1 } = options
  const stop = new AbortController()
  const status: MinerStatus = {
    ...{ minerId, state: 'idle', epoch: 0n },
    ...{ nonces: 0, recalls: 0, seals: 0, answers: 0, accepted: 0, refused: 0 },
  }
  const desk: Desk = { puzzle: undefined, hits: [], wake: new Set(), isPaused: false, startSector: undefined }
  const count = countInMetrics(env.metrics, status)
  const recallers = Array.from({ length: workers }, () => openRecaller(env, segments, batchNonces))
  const loops = [
    pollWork(options, desk, status, stop.signal),
    handIn(options, desk, count, stop.signal),
    ...recallers.map((recaller) => keepRecalling(options, recaller, desk, count, share, stop.signal)),
  ]
  return {
    status: () => ({ ...status }),
    pause() {
      Object.assign(desk, { isPaused: true, puzzle: undefined, hits: [] })
      status.state = 'paused'
      wakeAll(desk)
    },
    resume() {
      desk.isPaused = false
    },
    mineFrom(sector) {
      desk.startSector = BigInt(sector)
    },
    async close() {
      stop.abort()
      wakeAll(desk)
      await Promise.all(recallers.map((recaller) => recaller.close()))
      await Promise.all(loops)
    },
  }
}

type Desk = {
  puzzle: Puzzle | undefined
  hits: Hit[]
  wake: Set<() => void>
  isPaused: boolean
  /** Where the range is wished to begin; undefined: at the newest that is allowed. */
  startSector: bigint | undefined
}
type Count = { recall(count: RecallCount): void; outcome(outcome: AnswerOutcome): void }

async function pollWork(
  { env, ledger, mine, minerId, segments, pay, pollMs = 1_000 }: MinerOptions,
  desk: Desk,
  status: MinerStatus,
  signal: AbortSignal,
): Promise<void> {
  let weighed: { puzzle: Puzzle; isWorth: boolean } | undefined
  while (!signal.aborted) {
    try {
      const work = await readWork(ledger, mine, minerId)
      const open = desk.isPaused ? undefined : puzzleOf(work, segments, desk.startSector)
      // Once for each window: what is due grows slowly.
      if (open && pay && !isSame(weighed?.puzzle, open))
        weighed = { puzzle: open, isWorth: await isWorthMining(env, pay, segments, open) }
      const isResting = open !== undefined && pay !== undefined && !weighed?.isWorth
      const puzzle = isResting ? undefined : open
      status.state = desk.isPaused ? 'paused' : isResting ? 'resting' : puzzle ? 'mining' : 'idle'
      status.epoch = work.epoch
      if (!isSame(puzzle, desk.puzzle)) {
        desk.puzzle = puzzle
        env.log.debug('mining task', { epoch: work.epoch, isOpen: puzzle !== undefined })
        wakeAll(desk)
      }
    } catch (fault) {
      desk.puzzle = undefined
      if (status.state !== 'away') env.log.warn('the chain gives no work', { reason: reasonOf(fault) })
      status.state = 'away'
    }
    await env.clock.sleep(pollMs, signal).catch(() => undefined)
  }
}

/** Same window and same target: hits of one serve the other. */
function isSame(a: Puzzle | undefined, b: Puzzle | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if (a.range.startPosition !== b.range.startPosition) return false
  return a.target === b.target && bytesToHex(a.work.subtaskDigest) === bytesToHex(b.work.subtaskDigest)
}

async function keepRecalling(
  { env, minerId }: MinerOptions,
  recaller: ReturnType<typeof openRecaller>,
  desk: Desk,
  count: Count,
  share: number,
  signal: AbortSignal,
): Promise<void> {
  const id = hexToBytes(minerId)
  while (!signal.aborted) {
    const { puzzle } = desk
    if (!puzzle || desk.hits.length >= waitingMax) {
      await waitForNews(desk, signal)
      continue
    }
    const startMs = env.clock.monotonicMs()
    try {
      const found = await recaller.recall(puzzle, id, () => signal.aborted || desk.puzzle !== puzzle)
      count.recall(found.count)
      if (desk.puzzle === puzzle && found.hits.length > 0) {
        desk.hits.push(...found.hits.slice(0, waitingMax - desk.hits.length))
        wakeAll(desk)
      }
    } catch (fault) {
      if (signal.aborted) return
      env.log.error('a mining worker failed', { reason: reasonOf(fault) })
      await env.clock.sleep(1_000, signal).catch(() => undefined)
    }
    const restMs = ((env.clock.monotonicMs() - startMs) * (1 - share)) / share
    await env.clock.sleep(Math.max(0, restMs), signal).catch(() => undefined)
  }
}

async function handIn(options: MinerOptions, desk: Desk, count: Count, signal: AbortSignal): Promise<void> {
  const { env, answerDeadlineMs = 30_000, pay, onAnswer } = options
  while (!signal.aborted) {
    const hit = desk.hits.shift()
    if (!hit) {
      await waitForNews(desk, signal)
      continue
    }
    if (hit.puzzle !== desk.puzzle) continue
    try {
      const [payWei] = (await pay?.read([hit.load / loadSectors])) ?? []
      if (pay && (payWei ?? 0n) < pay.leastWei) continue
      const outcome = await submitAnswer(options, hit, { deadlineMs: answerDeadlineMs, signal }, payWei)
      count.outcome(outcome)
      onAnswer?.(outcome, hit.load / loadSectors)
      const reason = outcome.kind === 'refused' ? outcome.reason : undefined
      env.log.info('answer handed in', { outcome: outcome.kind, reason, epoch: hit.puzzle.work.epoch })
    } catch (fault) {
      // The ledger has tried again already; another answer will be found.
      if (!signal.aborted) env.log.warn('an answer was not handed in', { reason: reasonOf(fault) })
    }
  }
}

function countInMetrics(metrics: Env['metrics'], status: MinerStatus): Count {
  const seals = metrics.counter('weightless_storage_mining_seals_total', 'Seals tried as answers')
  const accepted = metrics.counter('weightless_storage_mining_accepted_total', 'Answers that the chain accepted')
  const refused = metrics.counter('weightless_storage_mining_refused_total', 'Answers that the chain refused')
  return {
    recall(count) {
      status.nonces += count.nonces
      status.recalls += count.recalls
      status.seals += count.seals
      seals.add(count.seals)
    },
    outcome({ kind }) {
      status.answers++
      if (kind === 'accepted') {
        status.accepted++
        accepted.add()
      } else {
        status.refused++
        refused.add()
      }
    },
  }
}

function waitForNews(desk: Desk, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const wake = (): void => {
      desk.wake.delete(wake)
      resolve()
    }
    desk.wake.add(wake)
  })
}

function wakeAll(desk: Desk): void {
  for (const wake of [...desk.wake]) wake()
}

const reasonOf = (fault: unknown): string => (fault instanceof Error ? fault.message : String(fault))
