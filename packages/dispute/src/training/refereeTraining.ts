/**
 * Judges between two trainers of one job whose states differ: the first step, the first table of it, the first chunk of that, whose words the referee
 * computes itself from what both agree on. Spec: spec/dispute.md §11.
 */
import { bytesEqual, concatBytes } from '@weightless/codec'
import { hashLeaf, sha256 } from '@weightless/crypto'
import { rootFrom } from '../tree/rootFrom.ts'
import { bisectPair, type Pair, type Side, sides } from './bisectPair.ts'
import { tableRoot } from './chunkDigests.ts'
import { createInputs, WithheldError } from './readInputs.ts'
import type { StepPlan } from './stepPlan.ts'
import { chunkCount, chunkWords } from './stepTable.ts'

import type { TrainingJob } from './trainingJob.ts'
import type { TrainingParty } from './trainingParty.ts'
import { rootOfPieces } from './trainingState.ts'

export type TrainingClaim = { root: Uint8Array; party: TrainingParty }

export type TrainingVerdict = {
  /** Nobody where both agree. */
  losers: Side[]
  why: 'agreed' | 'withheld' | 'start' | 'state' | 'word'
  /** Number of the step, from 0. */
  step?: number
  /** Name of the table that the step went wrong in. */
  table?: string
  /** With `word`: the first wrong word of a loser, of the table. */
  word?: number
  expected?: number
  claimed?: number
}

export async function refereeTraining(job: TrainingJob, claims: Pair<TrainingClaim>): Promise<TrainingVerdict> {
  const roots = { a: claims.a.root, b: claims.b.root }
  if (bytesEqual(roots.a, roots.b)) return { losers: [], why: 'agreed' }
  const leaves = job.steps + 1
  const found = await bisectPair(leaves, roots, (side, level, index) => claims[side].party.runHashes(level, index))
  if ('silent' in found) return { losers: found.silent, why: 'withheld' }
  const ends = await askBoth((side) => stateOf(claims[side], found.leaf, leaves))
  if ('silent' in ends) return { losers: ends.silent, why: 'withheld' }
  if (found.leaf === 0) return { losers: sides.filter((side) => !bytesEqual(ends[side], job.start)), why: 'start' }
  const step = found.leaf - 1
  const pieces = await agreedPieces(job, claims, step, leaves)
  if (pieces === undefined) return { losers: [...sides], why: 'withheld', step }
  const traces = await askBoth((side) => claims[side].party.traceRoot(step))
  if ('silent' in traces) return { losers: traces.silent, why: 'withheld', step }
  const round: Round = { job, claims, step, traces, ends, pieces, plan: job.planAt(step) }
  return { step, ...(bytesEqual(traces.a, traces.b) ? await judgeEnd(round) : await judgeTable(round)) }
}

/** What is known once the step is: both claimed states after it, and hashes of all pieces of the agreed state before. */
type Round = {
  job: TrainingJob
  claims: Pair<TrainingClaim>
  step: number
  plan: StepPlan
  traces: Pair<Uint8Array>
  ends: Pair<Uint8Array>
  pieces: Uint8Array
}

async function askBoth<T>(ask: (side: Side) => Promise<T | undefined>): Promise<Pair<T> | { silent: Side[] }> {
  const [a, b] = [await ask('a'), await ask('b')]
  if (a !== undefined && b !== undefined) return { a, b }
  return { silent: sides.filter((side) => (side === 'a' ? a : b) === undefined) }
}

async function stateOf({ root, party }: TrainingClaim, steps: number, leaves: number): Promise<Uint8Array | undefined> {
  const answer = await party.state(steps)
  if (answer === undefined || answer.root.length !== 32) return undefined
  const end = rootFrom(hashLeaf(answer.root), steps, leaves, answer.path)
  return end !== undefined && bytesEqual(end, root) ? answer.root : undefined
}

/** Either may open the state that both have. */
async function agreedPieces(
  job: TrainingJob,
  claims: Pair<TrainingClaim>,
  steps: number,
  leaves: number,
): Promise<Uint8Array | undefined> {
  const pieces = job.values / chunkWords
  for (const side of sides) {
    const root = await stateOf(claims[side], steps, leaves)
    const digests = root && (await claims[side].party.pieces(steps))
    if (digests?.length !== 96 * pieces) continue
    if (bytesEqual(rootOfPieces(job.headAt(steps), digests), root!)) return digests
  }
  return undefined
}

/** Both have the same trace: the state that it leads to is known. */
async function judgeEnd({ job, claims, step, plan, traces, ends }: Round): Promise<Omit<TrainingVerdict, 'step'>> {
  const lists: Uint8Array[] = []
  for (const list of ['p', 'm', 'v']) {
    for (const { name } of plan.slots) {
      const table = plan.tables.findIndex((candidate) => candidate.name === `new ${list}/${name}`)
      const digests = await openTable({ claims, step, plan, traces }, table, [...sides])
      if (digests === undefined) return { losers: [...sides], why: 'withheld' }
      lists.push(digests)
    }
  }
  const end = rootOfPieces(job.headAt(step + 1), concatBytes(lists))
  return { losers: sides.filter((side) => !bytesEqual(ends[side], end)), why: 'state' }
}

type Tables = Pick<Round, 'claims' | 'step' | 'plan' | 'traces'>

/** Hashes of a table's chunks, from the first of the sides whose answer leads to its own trace. */
async function openTable(
  { claims, step, plan, traces }: Tables,
  table: number,
  from: readonly Side[],
): Promise<Uint8Array | undefined> {
  for (const side of from) {
    const answer = await claims[side].party.table(step, table)
    if (answer?.digests.length !== chunkCount(plan.tables[table]!.words) * 32) continue
    const root = rootFrom(hashLeaf(tableRoot(answer.digests)), table, plan.tables.length, answer.path)
    if (root !== undefined && bytesEqual(root, traces[side])) return answer.digests
  }
  return undefined
}

async function judgeTable(round: Round): Promise<Omit<TrainingVerdict, 'step'>> {
  const { job, claims, step, plan, traces, pieces } = round
  const found = await bisectPair(plan.tables.length, traces, (side, level, index) =>
    claims[side].party.traceHashes(step, level, index),
  )
  if ('silent' in found) return { losers: found.silent, why: 'withheld' }
  const table = plan.tables[found.leaf]!
  const opened = await askBoth((side) => openTable(round, found.leaf, [side]))
  if ('silent' in opened) return { losers: opened.silent, why: 'withheld', table: table.name }
  const digestOf = (side: Side, at: number) => opened[side].subarray(at * 32, at * 32 + 32)
  const chunks = Array.from({ length: chunkCount(table.words) }, (_, at) => at)
  const chunk = chunks.find((at) => !bytesEqual(digestOf('a', at), digestOf('b', at)))!
  const inputs = createInputs({
    plan,
    pieces,
    readWeights: job.readWeights,
    until: found.leaf,
    openTable: (index) => openTable(round, index, sides),
    askPiece: (side, list, piece) => claims[side].party.piece(step, list, piece),
    askChunk: (side, index, at) => claims[side].party.chunk(step, index, at),
  })
  try {
    const right = await inputs.compute(table, chunk)
    const digest = sha256(right)
    const losers = sides.filter((side) => !bytesEqual(digestOf(side, chunk), digest))
    const shown = await claims[losers[0]!].party.chunk(step, found.leaf, chunk)
    const isShown = shown !== undefined && bytesEqual(sha256(shown), digestOf(losers[0]!, chunk))
    const difference = isShown ? differAt(right, shown) : undefined
    if (difference === undefined) return { losers, why: 'word', table: table.name }
    const { at, ...rest } = difference
    return { losers, why: 'word', table: table.name, word: chunk * chunkWords + at, ...rest }
  } catch (error) {
    if (!(error instanceof WithheldError)) throw error
    return { losers: [...sides], why: 'withheld', table: table.name }
  }
}

function differAt(right: Uint8Array, shown: Uint8Array): { at: number; expected: number; claimed: number } | undefined {
  if (right.length !== shown.length) return undefined
  const [a, b] = [new DataView(right.buffer, right.byteOffset), new DataView(shown.buffer, shown.byteOffset)]
  for (let at = 0; at < right.length; at += 4) {
    if (a.getUint32(at) === b.getUint32(at)) continue
    return { at: at / 4, expected: a.getFloat32(at, true), claimed: b.getFloat32(at, true) }
  }
  return undefined
}
