/**
 * Spreads a file over its holders: stripes are coded in order, each row streams to its own holder, a holder that fails
 * is replaced by the next in line and gets what the first one had, and at the end all sign. Memory is bounded by a
 * window of bytes on their way, whatever the size of the file. Spec: storage §9, §12.
 */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import { codingRoot } from '@weightless/coder'
import { AbortedError } from '@weightless/env'
import {
  type NodeRecord,
  type Placement,
  type PlacementStage,
  placementStage,
  type SignedPlacement,
} from '@weightless/storage/wire'
import type { TransferParts } from '../network/transferParts.ts'
import { certify } from './certify.ts'
import { codeSource } from './codeSource.ts'
import { gatherCrew, type HolderCrew } from './holderCrew.ts'
import type { SpreadJob } from './spreadJob.ts'

export type SpreadOptions = {
  /** `accepted`: the promise resolves as soon as the file survives a lost third, and the rest is handed off behind. */
  until?: 'accepted' | 'final' | undefined
  signal?: AbortSignal | undefined
  /** Fragments that are durable, out of all. */
  onProgress?: ((done: number, total: number) => void) | undefined
  /** Nodes among which replacements are looked for; asked when a holder is lost. */
  listNodes?: (() => Promise<readonly NodeRecord[]>) | undefined
  /** An earlier placement of the file: its holders keep their rows, its version is followed. */
  earlier?: SignedPlacement | undefined
  /** Makes a placement known; called at `accepted` and at `final`, before the caller learns of it. */
  publish?: ((placement: SignedPlacement, holders: readonly NodeRecord[]) => Promise<void>) | undefined
  /** Told how the hand-off after `accepted` has ended. */
  onHandOff?: ((outcome: SignedPlacement | { fault: unknown }) => void) | undefined
  /** Bytes on their way at once; 48 MiB by default. */
  windowBytes?: number | undefined
}

const windowBytesDefault = 48 * 1024 * 1024
const pauseMs = 250

/**
 * Idempotent: what holders have is not sent again.
 * @returns the placement, final or at least accepted, as asked
 * @throws {NodesTooFewError} {SpreadStalledError} {AbortedError} and the source's
 */
export function spreadFile(
  parts: TransferParts,
  job: SpreadJob,
  options: SpreadOptions = {},
): Promise<SignedPlacement> {
  if (options.until !== 'accepted') return runSpread(parts, job, options, () => undefined)
  return new Promise((resolve, reject) => {
    let isAccepted = false
    const onAccepted = (placement: SignedPlacement): void => {
      isAccepted = true
      resolve(placement)
    }
    runSpread(parts, job, options, onAccepted).then(
      (placement) => {
        resolve(placement)
        options.onHandOff?.(placement)
      },
      (fault: unknown) => {
        if (isAccepted) options.onHandOff?.({ fault })
        else reject(fault)
      },
    )
  })
}

async function runSpread(
  parts: TransferParts,
  job: SpreadJob,
  options: SpreadOptions,
  onAccepted: (placement: SignedPlacement) => void,
): Promise<SignedPlacement> {
  const control = new AbortController()
  const leave = (): void => control.abort(options.signal?.reason)
  options.signal?.addEventListener('abort', leave, { once: true })
  if (options.signal?.aborted) leave()
  const { signal } = control
  const { earlier, onProgress, windowBytes = windowBytesDefault } = options
  const gathering = gatherCrew(parts, job, { signal, earlier, onProgress, windowBytes })
  gathering.catch(() => undefined)
  const spread: Spread = {
    ...{ parts, job, options, signal, gathering, base: earlier, commitments: [] },
    ...{ doneMost: -1, doneMs: parts.clock.monotonicMs() },
  }
  try {
    return await finishSpread(spread, onAccepted)
  } finally {
    options.signal?.removeEventListener('abort', leave)
    control.abort()
  }
}

type Spread = {
  parts: TransferParts
  job: SpreadJob
  options: SpreadOptions
  signal: AbortSignal
  gathering: Promise<HolderCrew>
  /** The newest placement that may be known to others: the next one follows its version. */
  base: SignedPlacement | undefined
  /** By stripe. */
  commitments: Uint8Array[]
  /** The most fragments that were ever durable, and since when. */
  doneMost: number
  doneMs: number
}

async function finishSpread(
  spread: Spread,
  onAccepted: (placement: SignedPlacement) => void,
): Promise<SignedPlacement> {
  const { job, options } = spread
  const { dataRows, parityRows } = job.redundancy
  await sendStripes(spread, [...Array(Math.ceil(job.file.shape.segments / dataRows)).keys()])
  const crew = await spread.gathering
  let isAccepted = false
  for (;;) {
    if (options.until === 'accepted' && !isAccepted) await crew.wholeRows(dataRows + Math.ceil(parityRows / 2))
    else await crew.idle()
    const placement = await settle(spread, crew)
    const stage = placementStage(placement)
    if (stage === 'final') return placement
    if (stage === 'accepted' && !isAccepted) {
      isAccepted = true
      onAccepted(placement)
      await crew.idle()
    }
    await recover(spread, crew, stage)
    const open = [...Array(dataRows + parityRows).keys()].filter((row) => !crew.isWhole(row))
    await sendStripes(spread, crew.ledger.openStripes(open))
  }
}

async function sendStripes({ parts, job, gathering, commitments }: Spread, stripes: readonly number[]): Promise<void> {
  let crew: HolderCrew | undefined
  for await (const coded of codeSource(parts.tasks, job.source, job.file.shape, job.redundancy, stripes)) {
    commitments[coded.stripe] = coded.commitment
    crew ??= await gathering
    await crew.push(coded)
  }
}

/**
 * Collects what signatures there are, and makes the placement known once it is accepted or final. What holders go by already,
 * of an upload or a repair that this client has not seen, is followed.
 */
async function settle(spread: Spread, crew: HolderCrew): Promise<SignedPlacement> {
  const { parts, options, signal } = spread
  const { clock, stallMs } = parts
  const endMs = clock.monotonicMs() + stallMs
  const lastCommitment = bytesToHex(spread.commitments.at(-1)!)
  for (let moved = 0; ; ) {
    const draft = { placement: draftPlacement(spread, crew), lastCommitment, earlier: spread.base }
    const { placement, newer, heldUp } = await certify(parts, crew, draft, signal)
    if (newer && moved++ < versionTriesMax) {
      spread.base = newer
      await crew.reinstate(newer)
      continue
    }
    const isOpen = placementStage(placement) === 'open'
    if (!isOpen) {
      await options.publish?.(placement, crew.holders())
      spread.base = placement
    }
    if (!heldUp) return placement
    // Who does not sign yet does so when enough others have, when a lost holder is lost for it too, or when that one has its row again.
    if (clock.monotonicMs() > endMs) throw heldUp
    if (isOpen && spread.base) await crew.reinstate(spread.base)
    await clock.sleep(pauseMs, signal)
  }
}

function draftPlacement({ job, base, commitments }: Spread, crew: HolderCrew): Placement {
  const holders = crew.holders().map(({ nodeId }) => nodeId)
  const { chainId } = crew.holders()[0]!
  const coding = bytesToHex(codingRoot(commitments))
  const isSame = base?.codingRoot === coding && holders.every((holder, row) => holder === base?.holders[row])
  const version = base ? base.version + (isSame ? 0 : 1) : 1
  const { dataRows, parityRows } = job.redundancy
  const file = { chainId, root: bytesToHex(job.file.root), sizeBytes: job.file.shape.sizeBytes }
  return { ...file, dataRows, parityRows, codingRoot: coding, version, holders }
}

/** Waits until there is something to send to somebody. @throws {SpreadStalledError} after so long without progress */
async function recover(spread: Spread, crew: HolderCrew, stage: PlacementStage): Promise<void> {
  const { parts, job, options, signal } = spread
  const { clock, stallMs } = parts
  for (;;) {
    const listed = await (options.listNodes?.() ?? Promise.resolve(job.nodes)).catch(() => job.nodes)
    if (signal.aborted) throw new AbortedError({ cause: signal.reason })
    const isReady = await crew.recover(listed)
    if (crew.ledger.done() > spread.doneMost) {
      spread.doneMost = crew.ledger.done()
      spread.doneMs = clock.monotonicMs()
      if (isReady) return
    }
    if (clock.monotonicMs() - spread.doneMs > stallMs) {
      const missing = crew.holders().filter((_, row) => !crew.isWhole(row))
      const root = bytesToHex(job.file.root)
      throw new SpreadStalledError({ root, stage, missing: missing.map(({ url }) => url).join(' '), stallMs })
    }
    await clock.sleep(pauseMs, signal)
    if (isReady) return
  }
}

const versionTriesMax = 8

export class SpreadStalledError extends WeightlessError {
  constructor(facts: { root: Hex; stage: PlacementStage; missing: string; stallMs: number }) {
    super('blobs/spread-stalled', 'Not every row of the file has found a holder.', facts, {
      hint: 'Start the missing nodes or others, then upload the file again: it is not paid twice, and what is stored is not sent again.',
    })
  }
}
