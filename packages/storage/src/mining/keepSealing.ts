/**
 * Seals what a holder keeps as soon as an epoch of the chain covers it, and closes epochs that nobody else does. Progress is
 * kept by file, so that a restart looks at no file twice. Spec: mining §2, §3.
 */
import { bytesToText, type Hex, hexToBytes, textToBytes } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { sealSectors, segmentSectors } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import { fragmentsOf, type HeldFile } from '../holder/fragmentStore.ts'
import type { Submission } from '../node/submission.ts'
import type { FlowMap } from './flowMap.ts'
import type { SealableFragments, SealOutcome } from './sealAtRest.ts'

export type SealingOptions = {
  env: Pick<Env, 'clock' | 'random' | 'log'>
  ledger: Ledger
  flowAddress: Hex
  minerId: Hex
  fragments: SealableFragments
  map: FlowMap
  /** How often the chain is asked; default 1,000. */
  pollMs?: number
  /** Whether to send a transaction that closes an ended epoch when data waits for it; default true. */
  closesEpochs?: boolean
}

export type Sealing = {
  sealed(): { files: number; fragments: number }
  /** Looks at a file again: the epoch that its seals name is not the chain's any more. */
  reconsider(fileKey: string): void
  ended: Promise<void>
}

const pageFiles = 256
const restPerWork = 9
/** Files of which some fragments are missing, kept in mind. */
const partialMax = 65_536
/** Fragments that share a flush. */
const atOnce = 4
const markPrefix = 'own/sealed/'

type Done = { files: number; fragments: number; partial: Map<string, string> }

export function keepSealing(options: SealingOptions, signal: AbortSignal): Sealing {
  const done: Done = { files: 0, fragments: 0, partial: new Map() }
  return {
    sealed: () => ({ files: done.files, fragments: done.fragments }),
    reconsider(fileKey) {
      done.partial.delete(fileKey)
      options.fragments.records.own.set(markPrefix + fileKey, undefined)
    },
    ended: seal(options, done, signal),
  }
}

async function seal(options: SealingOptions, done: Done, signal: AbortSignal) {
  const { env, pollMs = 1_000 } = options
  while (!signal.aborted) {
    const startMs = env.clock.monotonicMs()
    try {
      const coveredSectors = await readCovered(options)
      const waiting = await sealCovered(options, coveredSectors, done, signal)
      if (waiting && (options.closesEpochs ?? true)) await closeEpoch(options, signal)
    } catch (fault) {
      if (signal.aborted) return
      env.log.warn('sealing was interrupted', { reason: fault instanceof Error ? fault.message : '' })
    }
    // Looking through many files takes its time; it never takes more than a part of it.
    const spentMs = env.clock.monotonicMs() - startMs
    await env.clock.sleep(Math.max(pollMs, restPerWork * spentMs), signal).catch(() => undefined)
  }
}

/** Sectors that closed epochs cover. */
async function readCovered({ ledger, flowAddress }: SealingOptions): Promise<number> {
  const call = { address: flowAddress, abi: abis.flow, functionName: 'epochStartPosition' } as const
  return Number(await ledger.read(call))
}

/** @returns whether some file waits for its epoch to end */
async function sealCovered(
  options: SealingOptions,
  coveredSectors: number,
  done: Done,
  signal: AbortSignal,
): Promise<boolean> {
  const { fragments, map } = options
  let waiting = false
  for (let after: string | undefined; !signal.aborted; ) {
    const files = fragments.files(pageFiles, after)
    for (const file of files) {
      if (signal.aborted) return waiting
      const submission = map.placeOf(file.fileKey)
      if (!submission || !canMine(file, submission) || isDone(options, file, done)) continue
      if (endOf(submission) > coveredSectors) waiting = true
      else await sealFile(options, file, submission, done, signal)
    }
    if (files.length < pageFiles) break
    after = files.at(-1)!.fileKey
  }
  return waiting
}

/** Parity is in no flow; a file that does not begin at a seal shares each of its seals with others. */
function canMine(file: HeldFile, { startSector, shape }: Submission): boolean {
  return file.row < file.dataRows && startSector % sealSectors === 0 && (shape?.sectors ?? 0) >= sealSectors
}

async function sealFile(
  options: SealingOptions,
  file: HeldFile,
  submission: Submission,
  done: Done,
  signal: AbortSignal,
): Promise<void> {
  const { fragments, minerId } = options
  const contextDigest = await contextAt(options, submission.startSector)
  const stripes = fragmentsOf(submission.shape!, file.dataRows, file.row)
  const outcomes: SealOutcome[] = []
  for (let from = 0; from < stripes && !signal.aborted; from += atOnce) {
    const together = Array.from({ length: Math.min(atOnce, stripes - from) }, (_, at) => {
      const startSector = submission.startSector + ((from + at) * file.dataRows + file.row) * segmentSectors
      return fragments.seal(file.fileKey, from + at, { minerId: hexToBytes(minerId), contextDigest, startSector })
    })
    outcomes.push(...(await Promise.all(together)))
    if (outcomes.includes('disk-full')) return
  }
  if (signal.aborted) return
  done.fragments += outcomes.filter((outcome) => outcome === 'sealed').length
  if (outcomes.includes('changed')) return
  const isWhole = !outcomes.includes('absent')
  if (isWhole) done.files++
  if (isWhole) fragments.records.own.set(markPrefix + file.fileKey, textToBytes(markOf(options, file)))
  else remember(done.partial, file.fileKey, markOf(options, file))
}

/** What is not all here is looked at again when more of it has come, or after a restart. */
function remember(partial: Map<string, string>, fileKey: string, mark: string): void {
  if (partial.size >= partialMax) partial.clear()
  partial.set(fileKey, mark)
}

/** One submission lies in one epoch, so its first seal's context is that of all. */
async function contextAt({ ledger, flowAddress }: SealingOptions, startSector: number): Promise<Uint8Array> {
  const position = BigInt(startSector + sealSectors - 1)
  const call = { address: flowAddress, abi: abis.flow, functionName: 'queryContextAtPosition' } as const
  const { digest } = await ledger.read({ ...call, args: [position] })
  return hexToBytes(digest)
}

/** A later fragment of the file, or another miner id, makes it worth looking at again. */
function markOf({ minerId, fragments }: SealingOptions, file: HeldFile): string {
  return `${minerId} ${fragments.records.count(file.fileKey)} ${file.lastMs} ${file.row}`
}

function isDone(options: SealingOptions, file: HeldFile, done: Done): boolean {
  const kept = options.fragments.records.own.get(markPrefix + file.fileKey)
  const mark = markOf(options, file)
  return (kept !== undefined && bytesToText(kept) === mark) || done.partial.get(file.fileKey) === mark
}

/** Several miners would do it at once: each waits a little, at random, and looks again. */
async function closeEpoch(options: SealingOptions, signal: AbortSignal): Promise<void> {
  const { env, ledger, flowAddress, pollMs = 1_000 } = options
  if (!(await hasEpochEnded(options))) return
  await env.clock.sleep((pollMs * env.random.bytes(1)[0]!) / 256, signal)
  if (!(await hasEpochEnded(options))) return
  await ledger.submit(
    { address: flowAddress, abi: abis.flow, functionName: 'makeContext' },
    { until: 'included', signal },
  )
}

async function hasEpochEnded({ ledger, flowAddress }: SealingOptions): Promise<boolean> {
  const contract = { address: flowAddress, abi: abis.flow } as const
  const [firstBlock, blocksPerEpoch, epoch, block] = await Promise.all([
    ledger.read({ ...contract, functionName: 'firstBlock' }),
    ledger.read({ ...contract, functionName: 'blocksPerEpoch' }),
    ledger.read({ ...contract, functionName: 'epoch' }),
    ledger.blockNumber(),
  ])
  return firstBlock + (epoch + 1n) * blocksPerEpoch < block
}

const endOf = ({ startSector, nodes }: Submission): number =>
  nodes.reduce((end, { height }) => end + 2 ** height, startSector)
