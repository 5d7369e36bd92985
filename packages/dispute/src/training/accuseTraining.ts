/**
 * Walks down a trainer's run beside one's own to the first step, the first table and the first word that differ, and gathers what shows it to
 * anybody. Spec: spec/dispute.md §14.2.
 */
import { bytesEqual, concatBytes } from '@weightless/codec'
import { hashLeaf, hashTreePath, hashTreeRoot, sha256 } from '@weightless/crypto'
import { findFirstDifference, type KnownTree } from '../tree/firstDifference.ts'
import { rootFrom } from '../tree/rootFrom.ts'
import { gatherReads } from './gatherReads.ts'
import type { StepPlan } from './stepPlan.ts'
import { chunkCount, chunkWords } from './stepTable.ts'
import type { StepTrace } from './traceStep.ts'
import type { OpenedState, OpenedTable, StateLeaf, TrainingAccusation } from './trainingAccusation.ts'
import type { TrainingJob } from './trainingJob.ts'
import { runTree, type TrainingParty, type TrainingRecord } from './trainingParty.ts'
import { pieceDigests, rootOfTop } from './trainingState.ts'

/** The trainer: what it is held to is signed on its way. */
export type TrainingDefender = Omit<TrainingParty, 'pieces' | 'piece'> & {
  /** Root over all states. */
  runRoot(): Promise<Uint8Array | undefined>
}

export type AccusedTraining =
  /** Both runs are the same, state by state. */
  | { found: 'nothing' }
  /** No answer, or one that does not hash to what was committed to. */
  | { found: 'silence'; asked: string }
  | {
      found: 'accusation'
      accusation: TrainingAccusation
      roots: { run: Uint8Array; trace?: { step: number; root: Uint8Array } }
    }

export type OwnTraining = {
  job: TrainingJob
  record: TrainingRecord
  /** Reads of one's own trace: tables by name, the state, and the file's weights. */
  weights: (tensor: string) => Float32Array
}

/** @param final - state hash of the receipt */
export async function accuseTraining(
  own: OwnTraining,
  final: Uint8Array,
  defender: TrainingDefender,
): Promise<AccusedTraining> {
  const { job, record } = own
  const leaves = job.steps + 1
  const run = await defender.runRoot()
  if (run === undefined) return silence('the root of its run')
  const tree = runTree(record.states)
  const accuse = (accusation: TrainingAccusation): AccusedTraining => {
    return { found: 'accusation', accusation, roots: { run } }
  }
  if (bytesEqual(run, hashTreeRoot(tree))) {
    const root = record.states[job.steps]!
    if (bytesEqual(root, final)) return { found: 'nothing' }
    return accuse({ kind: 'end', state: { root, path: hashTreePath(tree, job.steps) } })
  }
  const stateOf = async (at: number): Promise<StateLeaf | undefined> => {
    const state = await defender.state(at)
    const end = state?.root.length === 32 ? rootFrom(hashLeaf(state.root), at, leaves, state.path) : undefined
    return end && bytesEqual(end, run) ? state : undefined
  }
  const found = await findFirstDifference(run, tree, defender.runHashes)
  if (found.found !== 'leaf') return silence('its states')
  const state = await stateOf(found.leaf)
  if (!state) return silence(`the state after ${found.leaf} steps`)
  const opened = await defender.opening(found.leaf)
  // Values alone can be shown wrong without the head; a wrong head says more.
  const isBare = found.leaf === 0 && (!opened || !opensTo(opened, state.root) || bytesEqual(opened.head, job.headAt(0)))
  if (isBare) return accuse({ kind: 'start', state })
  if (!opened || !opensTo(opened, state.root)) return silence(`the head of the state after ${found.leaf} steps`)
  const after: OpenedState = { ...state, ...opened }
  if (!bytesEqual(after.head, job.headAt(found.leaf))) return accuse({ kind: 'head', steps: found.leaf, ...after })
  const step = found.leaf - 1
  const before = await stateOf(step)
  if (!before) return silence(`the state after ${step} steps`)
  return accuseStep(own, { run, step, before, after }, defender)
}

type Place = { run: Uint8Array; step: number; before: StateLeaf; after: OpenedState }

/** Both went into the step with the same state, and came out with others. */
async function accuseStep(own: OwnTraining, place: Place, defender: TrainingDefender): Promise<AccusedTraining> {
  const { run, step, after } = place
  const { job, record } = own
  const root = await defender.traceRoot(step)
  if (root === undefined) return silence(`the trace of step ${step}`)
  const accuse = (accusation: TrainingAccusation): AccusedTraining => {
    return { found: 'accusation', accusation, roots: { run, trace: { step, root } } }
  }
  const plan = job.planAt(step)
  const trace = await record.traceAt(step)
  if (bytesEqual(root, trace.root)) {
    const tables = endTables(plan).map((table): OpenedTable => {
      return { table, digests: trace.digests[table]!, path: hashTreePath(trace.tree, table) }
    })
    return accuse({ kind: 'state', step, after: { root: after.root, path: after.path }, tables })
  }
  const found = await findFirstDifference(root, trace.tree, (level, index) => defender.traceHashes(step, level, index))
  if (found.found !== 'leaf') return silence(`the tables of step ${step}`)
  const { name, words } = plan.tables[found.leaf]!
  const shown = await defender.table(step, found.leaf)
  if (shown?.digests.length !== chunkCount(words) * 32) return silence(name)
  const digests = trace.digests[found.leaf]!
  const chunk = Array.from({ length: chunkCount(words) }, (_, at) => at).find((at) => {
    return !bytesEqual(digestAt(shown.digests, at), digestAt(digests, at))
  })
  if (chunk === undefined) return silence(name)
  const bytes = await defender.chunk(step, found.leaf, chunk)
  if (!bytes || !bytesEqual(sha256(bytes), digestAt(shown.digests, chunk))) return silence(name)
  const claim = { table: found.leaf, chunk, bytes, digests: shown.digests, path: shown.path }
  const accusation = await openWord(own, place, { plan, trace, theirs: found.theirs, claim })
  return accusation ? accuse(accusation) : silence(`what ${name} is made from`)
}

type Claim = OpenedTable & { chunk: number; bytes: Uint8Array }
type Course = { plan: StepPlan; trace: StepTrace; theirs: KnownTree; claim: Claim }

/** Undefined where the trainer does not show the way to a table. */
async function openWord(
  { job, record, weights }: OwnTraining,
  { step, before, after }: Place,
  { plan, trace, theirs, claim }: Course,
): Promise<TrainingAccusation | undefined> {
  const { table, chunk, bytes, digests, path } = claim
  const state = await record.stateAt(step)
  const last = plan.tables[table]!.words - 1
  const word = Math.min(chunk * chunkWords + firstDifference(bytes, trace.chunk(table, chunk)!), last)
  const reads = gatherReads({ plan, trace, state, weights }, table, word)
  const shown = { tables: [{ table, digests, path }] as OpenedTable[], chunks: [{ table, chunk, bytes }] }
  for (const [number, set] of reads.tables) {
    if (!(await theirs.learn(number))) return undefined
    const opened = { table: number, digests: trace.digests[number]!, path: theirs.pathOf(number) ?? [] }
    shown.tables.push(opened)
    for (const at of set) shown.chunks.push({ table: number, chunk: at, bytes: trace.chunk(number, at)! })
  }
  const rows = job.rowsAt(step)
  const from = { ...before, head: job.headAt(step), digests: pieceDigests(state) }
  return { kind: 'word', step, before: from, after, rows, table, word, ...shown, pieces: reads.pieces }
}

/** Numbers of the tables that a state after the step is made of, in its order. */
export function endTables({ tables, slots }: StepPlan): number[] {
  const numbers = new Map(tables.map(({ name }, number) => [name, number]))
  return ['p', 'm', 'v'].flatMap((list) => slots.map(({ name }) => numbers.get(`new ${list}/${name}`)!))
}

export function opensTo({ head, top }: Pick<OpenedState, 'head' | 'top'>, root: Uint8Array): boolean {
  return top.length === 32 && bytesEqual(rootOfTop(head, top), root)
}

export function digestAt(digests: Uint8Array, at: number): Uint8Array {
  return digests.subarray(at * 32, at * 32 + 32)
}

/** Of the words of two chunks; where only the length differs, the first word that one has not. */
function firstDifference(claimed: Uint8Array, right: Uint8Array): number {
  for (let at = 0; at + 4 <= Math.min(claimed.length, right.length); at += 4) {
    if (!bytesEqual(claimed.subarray(at, at + 4), right.subarray(at, at + 4))) return at / 4
  }
  return Math.min(claimed.length, right.length) >> 2
}

const silence = (asked: string): AccusedTraining => ({ found: 'silence', asked })

/** Digests of all lists, as a state's tree has them. */
export function joinDigests(tables: readonly { digests: Uint8Array }[]): Uint8Array {
  return concatBytes(tables.map(({ digests }) => digests))
}
