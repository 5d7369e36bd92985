/**
 * Judges an accusation against a trainer from its roots, the model's file and, where it is about rows, the data: nobody is asked, and nothing in
 * the accusation is believed. Spec: spec/dispute.md §14.3.
 */
import { bytesEqual, bytesToHex, bytesToText } from '@weightless/codec'
import { hashLeaf, sha256 } from '@weightless/crypto'
import { topOf } from '@weightless/tensor/train/commitState'
import { rootFrom } from '../tree/rootFrom.ts'
import { digestAt, endTables, joinDigests, opensTo } from './accuseTraining.ts'
import { tableRoot } from './chunkDigests.ts'
import { MissingChunk, readKnown } from './readKnown.ts'
import type { StepPlan } from './stepPlan.ts'
import { chunkCount, chunkWords } from './stepTable.ts'
import type {
  OpenedTable,
  StateLeaf,
  TrainingAccusation,
  TrainingFinding,
  TrainingRoots,
  WordOpening,
} from './trainingAccusation.ts'
import type { ReadWeights, TrainingJob } from './trainingJob.ts'
import { rootOfPieces, rootOfTop } from './trainingState.ts'

/** What is known of the job without its data. */
export type JobOutline = {
  steps: number
  /** Values of each list of a state. */
  values: number
  /** State hash before the first step; undefined where it follows from data that are not here. */
  start(): Promise<Uint8Array | undefined>
  /** State hash of the receipt. */
  final: Uint8Array
  /** The step with the rows that it had; undefined where no training has such rows. */
  planStep(step: number, rows: WordOpening['rows']): StepPlan | undefined
  /** Whether a step had these rows, by the heads before and after it. */
  follows(step: number, before: Uint8Array, rows: WordOpening['rows'], after: Uint8Array): boolean
  readWeights: ReadWeights
  /** Storage root of the adapter made of these values, and of the one that was delivered. */
  adapterRoot(values: Float32Array): string
  deliveredRoot: string
  /** The job itself, whose heads the data give; undefined where there are no data. */
  whole: Pick<TrainingJob, 'headAt' | 'planAt' | 'steps'> | undefined
}

export async function judgeTraining(
  job: JobOutline,
  accusation: TrainingAccusation,
  roots: TrainingRoots,
): Promise<TrainingFinding> {
  const { kind } = accusation
  if (kind === 'adapter') return judgeAdapter(job, accusation)
  const { run } = roots
  if (!run) return innocent('the root of the run is missing')
  if (kind === 'start') {
    const start = await job.start()
    if (!start) return innocent('the first state follows from the data, which are not here')
    if (!leadsTo(accusation.state, 0, job.steps, run)) return innocent('the state is not of the run')
    return compare({ kind, step: 0, what: 'state before the first step' }, start, accusation.state.root)
  }
  if (kind === 'end') {
    if (!leadsTo(accusation.state, job.steps, job.steps, run)) return innocent('the state is not of the run')
    return compare({ kind, step: job.steps, what: 'final state' }, accusation.state.root, job.final)
  }
  if (kind === 'head') return judgeHead(job, accusation, run)
  const { trace } = roots
  if (trace?.step !== accusation.step) return innocent('the root of the trace is missing')
  const step = { run, trace: trace.root, leaves: trace.leaves }
  if (kind === 'state') return judgeState(job, accusation, step)
  return judgeWord(job, accusation, step)
}

function judgeHead(
  { steps, whole }: JobOutline,
  accusation: Extract<TrainingAccusation, { kind: 'head' }>,
  run: Uint8Array,
): TrainingFinding {
  if (!whole) return innocent('what a head must say follows from the data, which are not here')
  const at = accusation.steps
  if (!leadsTo(accusation, at, steps, run)) return innocent('the state is not of the run')
  if (!opensTo(accusation, accusation.root)) return innocent('the head is not of the state')
  const right = whole.headAt(at)
  if (bytesEqual(right, accusation.head)) return innocent('the head is right')
  const { name, expected, claimed } = differingField(right, accusation.head)
  return { guilty: true, kind: 'head', step: Math.max(0, at - 1), what: name, element: 0, expected, claimed }
}

/** The first field of a head that differs, as text. */
function differingField(right: Uint8Array, other: Uint8Array): { name: string; expected: string; claimed: string } {
  const text = (value: unknown) => printable(JSON.stringify(value) ?? 'nothing')
  const claimed = parse(other)
  for (const [name, value] of Object.entries(parse(right) ?? {})) {
    const said = claimed?.[name]
    if (text(said) !== text(value)) return { name, expected: text(value), claimed: text(said) }
  }
  return { name: 'head', expected: bytesToHex(sha256(right)), claimed: bytesToHex(sha256(other)) }
}

function parse(head: Uint8Array): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(bytesToText(head))
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200)

type StepRoots = { run: Uint8Array; trace: Uint8Array; leaves: number | undefined }

/** Whether the trainer signed a tree of as many tables as the step has. */
const hasTables = ({ leaves }: StepRoots, { tables }: StepPlan): boolean =>
  leaves === undefined || leaves === tables.length

function judgeState(
  job: JobOutline,
  { step, after, tables }: Extract<TrainingAccusation, { kind: 'state' }>,
  roots: StepRoots,
): TrainingFinding {
  const { run, trace } = roots
  if (!job.whole) return innocent('what a head must say follows from the data, which are not here')
  if (!leadsTo(after, step + 1, job.steps, run)) return innocent('the state is not of the run')
  const plan = job.whole.planAt(step)
  const numbers = endTables(plan)
  const isEnd =
    hasTables(roots, plan) &&
    tables.length === numbers.length &&
    numbers.every((number, i) => tables[i]!.table === number)
  if (!isEnd || !tables.every((opened) => isOpened(plan, opened, trace))) {
    return innocent('the tables are not those that the step ends in')
  }
  const root = rootOfPieces(job.whole.headAt(step + 1), joinDigests(tables))
  return compare({ kind: 'state', step, what: 'state after the step' }, root, after.root)
}

async function judgeWord(job: JobOutline, opening: WordOpening, roots: StepRoots): Promise<TrainingFinding> {
  const { run, trace } = roots
  const { step, before, after, rows, table, word } = opening
  if (!leadsTo(before, step, job.steps, run) || !leadsTo(after, step + 1, job.steps, run)) {
    return innocent('the states are not of the run')
  }
  if (before.digests.length !== (96 * job.values) / chunkWords) return innocent('the state before is not opened')
  if (!bytesEqual(rootOfPieces(before.head, before.digests), before.root)) {
    return innocent('the state before is not opened')
  }
  if (!opensTo(after, after.root)) return innocent('the head is not of the state after')
  if (!job.follows(step, before.head, rows, after.head)) {
    return innocent('the rows are not those of the step, or follow from data that are not here')
  }
  const plan = job.planStep(step, rows)
  const planned = plan?.tables[table]
  if (!plan || !planned || !hasTables(roots, plan) || word >= planned.words)
    return innocent('the step has no such word')
  const opened = new Map<number, Uint8Array>()
  for (const one of opening.tables) {
    if (!isOpened(plan, one, trace)) return innocent('a table is not of the trace')
    opened.set(one.table, one.digests)
  }
  const known = readKnown({ plan, until: table, opening, opened, values: job.values, readWeights: job.readWeights })
  if ('reason' in known) return innocent(known.reason)
  const chunk = Math.floor(word / chunkWords)
  const claimed = known.chunkOf(table, chunk)
  if (!claimed) return innocent('the chunk in question is not shown')
  const length = Math.min(chunkWords, planned.words - chunk * chunkWords) * 4
  const what = { kind: 'word' as const, step, what: planned.name, element: word }
  if (claimed.length !== length) {
    return { guilty: true, ...what, expected: `${length} bytes`, claimed: `${claimed.length} bytes` }
  }
  try {
    const right = await known.compute(planned, word)
    const said = claimed.subarray((word % chunkWords) * 4, (word % chunkWords) * 4 + 4)
    if (bytesEqual(right, said)) return innocent('the word is right')
    return { guilty: true, ...what, expected: numberText(right), claimed: numberText(said) }
  } catch (error) {
    if (error instanceof MissingChunk) return innocent(`what the word is made from is not shown: ${error.table}`)
    throw error
  }
}

function judgeAdapter(
  job: JobOutline,
  { head, digests, values }: Extract<TrainingAccusation, { kind: 'adapter' }>,
): TrainingFinding {
  const bytes = job.values * 4
  if (values.length !== bytes || digests.length !== (96 * job.values) / chunkWords) {
    return innocent('the final state is not opened')
  }
  if (!bytesEqual(rootOfTop(head, topOf(digests)), job.final)) return innocent('the final state is not opened')
  for (let at = 0; at * chunkWords * 4 < bytes; at++) {
    const piece = values.subarray(at * chunkWords * 4, (at + 1) * chunkWords * 4)
    if (!bytesEqual(sha256(piece), digestAt(digests, at))) return innocent('the values are not of the final state')
  }
  const expected = job.adapterRoot(new Float32Array(values.slice().buffer))
  if (expected === job.deliveredRoot) return innocent('the adapter is right')
  const { step } = parse(head) ?? {}
  const what = { step: Number.isSafeInteger(step) ? Number(step) : 0, what: 'root of the adapter', element: 0 }
  return { guilty: true, kind: 'adapter', ...what, expected, claimed: job.deliveredRoot }
}

function leadsTo({ root, path }: StateLeaf, at: number, steps: number, run: Uint8Array): boolean {
  const end = root.length === 32 ? rootFrom(hashLeaf(root), at, steps + 1, path) : undefined
  return end !== undefined && bytesEqual(end, run)
}

function isOpened({ tables }: StepPlan, { table, digests, path }: OpenedTable, trace: Uint8Array): boolean {
  const planned = tables[table]
  if (!planned || digests.length !== chunkCount(planned.words) * 32) return false
  const root = rootFrom(hashLeaf(tableRoot(digests)), table, tables.length, path)
  return root !== undefined && bytesEqual(root, trace)
}

function compare(
  what: { kind: TrainingAccusation['kind']; step: number; what: string },
  right: Uint8Array,
  claimed: Uint8Array,
): TrainingFinding {
  if (bytesEqual(right, claimed)) return innocent(`the ${what.what} is right`)
  return { guilty: true, ...what, element: 0, expected: bytesToHex(right), claimed: bytesToHex(claimed) }
}

/** The shortest decimal of an f32, or its bits where it has none of its own. */
function numberText(bytes: Uint8Array): string {
  const value = new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true)
  return Number.isFinite(value) && !Object.is(value, -0) ? String(value) : `${value} (${bytesToHex(bytes)})`
}

const innocent = (reason: string): TrainingFinding => ({ guilty: false, reason })
