/** One audit of one storage node: asks for drawn fragments as any reader does, and stops when they decide. Spec: spec/alignment.md 13 */
import type { Hex } from '@weightless/codec'
import { findingOf, targetKind } from '@weightless/contracts/drawTargets'
import type { Outcome, TargetEvidence } from '../evidence.ts'
import { type BegunTest, goOnWithTest, type RunningTest } from '../goOnWithTest.ts'
import { createSprt, type SprtState, sprtStart } from '../sprt.ts'
import { type DrawnFrom, drawFragment, type SignedRow } from './drawFragment.ts'
import { type FragmentAnswer, judgeFragment } from './judgeFragment.ts'

/** An honest node lacks one fragment of a hundred at most: of what its disk lost, until it is rebuilt. */
export const holdingPlan = { honest: 0.01, cheating: 0.25, alpha: 1e-4, beta: 1e-2 } as const
/** The test by which auditors decide about storage nodes. */
export const holdingTest = createSprt(holdingPlan)

/** Readings of an audit, and those of them that are made where nothing is missing. */
export const readingsMax = 32
export const readingsMin = 8
/** Rows that are drawn from. */
export const rowsMax = 256

export type HolderTools = {
  /** Rows of paid files that the node has signed for and still holds, as others say; at most `rowsMax`, the same for one `beta`. */
  listRows(nodeId: Hex, beta: Hex, signal: AbortSignal): Promise<SignedRow[]>
  read(nodeId: Hex, row: SignedRow, stripe: number, signal: AbortSignal): Promise<FragmentAnswer>
  /** Whether a newer placement has taken the row from the node since it was listed. */
  isReplaced(nodeId: Hex, row: SignedRow, signal: AbortSignal): Promise<boolean>
}

type Audited = { found: TargetEvidence; after: SprtState }
type BegunReading = Omit<BegunTest, 'keep'> & {
  id: Hex
  beta: Hex
  /** What those of `seen` were drawn from. */
  seenFrom?: readonly DrawnFrom[]
  keep?(outcome: Outcome, drawnFrom: DrawnFrom[]): Promise<void>
}

/** @param signal - the time for audits is over: what was found so far counts */
export async function auditHolder(
  tools: HolderTools,
  { id, beta, keep, ...begun }: BegunReading,
  signal: AbortSignal,
): Promise<Audited> {
  const rows = await tools.listRows(id, beta, signal)
  // It has signed for nothing that could be asked of it.
  if (rows.length === 0) return { found: evidenceOf(id, findingOf.skipped, [], []), after: begun.before }
  const drawnFrom = rows.map(({ placement, row, fragments }) => {
    const { root, sizeBytes } = placement
    return { root, sizeBytes, row, fragments }
  })
  const test = goOnWithTest(holdingTest, {
    ...sameRows(begun, drawnFrom),
    ...(keep && { keep: (outcome) => keep(outcome, drawnFrom) }),
  })
  const { outcomes } = test
  for (let index = test.next(); index < readingsMax && !isOver(test) && !signal.aborted; index++) {
    const { at, stripe } = drawFragment(rows, beta, id, index)
    const outcome = await readOnce(tools, rows[at]!, { id, at, stripe, index }, signal)
    if (outcome) await test.add(outcome)
  }
  const isProved = outcomes.some(isProof)
  const finding = findingFrom(isProved ? 'faulty' : test.decide(), outcomes, signal.aborted)
  return { found: evidenceOf(id, finding, [...outcomes], drawnFrom), after: isProved ? sprtStart : test.after() }
}

/** Of other rows other fragments are drawn: what was seen before counts, and the evidence begins anew. */
function sameRows(
  { before, seen = [], seenFrom }: Pick<BegunReading, 'before' | 'seen' | 'seenFrom'>,
  drawnFrom: readonly DrawnFrom[],
): BegunTest {
  if (JSON.stringify(seenFrom) === JSON.stringify(drawnFrom)) return { before, seen }
  return { before: goOnWithTest(holdingTest, { before, seen }).after() }
}

const isProof = ({ verdict }: Outcome): boolean => verdict === 'wrong'

type Reading = { id: Hex; at: number; stripe: number; index: number }

/** Undefined where the row is not the node's any more, or the time was over before an answer. */
async function readOnce(
  tools: HolderTools,
  signed: SignedRow,
  { id, at, stripe, index }: Reading,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  const { placement, row } = signed
  const answer = await tools.read(id, signed, stripe, signal)
  const { verdict, detail, shown } = judgeFragment({ nodeId: id, placement, row, stripe }, answer)
  if (verdict !== 'right' && signal.aborted) return undefined
  // A signed fragment is wrong whoever holds the row; one that is not shown may have moved on.
  if (verdict === 'missing' && (await tools.isReplaced(id, signed, signal))) return undefined
  const frame = verdict === 'wrong' && answer.kind === 'frame' ? { frame: answer.frame } : {}
  const named = verdict === 'right' || verdict === 'void' ? {} : { placement }
  return { index, verdict, detail, fragment: { at, stripe, ...(shown && { shown }), ...named, ...frame } }
}

/** With proof, or nothing missing after `readingsMin`; else as soon as the test decides. Of a silent node three questions tell. */
function isOver({ outcomes, decide }: RunningTest): boolean {
  if (outcomes.length === 0) return false
  if (outcomes.some(isProof) || decide() !== 'open') return true
  if (outcomes.every(({ verdict }) => verdict === 'void')) return outcomes.length >= 3
  return outcomes.length >= readingsMin && !outcomes.some(({ verdict }) => verdict === 'missing')
}

function findingFrom(decision: 'open' | 'clean' | 'faulty', outcomes: readonly Outcome[], isLate: boolean): number {
  if (decision === 'faulty') return findingOf.faulty
  if (outcomes.some(({ verdict }) => verdict !== 'void')) return findingOf.clean
  return isLate || outcomes.length === 0 ? findingOf.skipped : findingOf.unreachable
}

const evidenceOf = (id: Hex, finding: number, outcomes: Outcome[], drawnFrom: DrawnFrom[]): TargetEvidence => ({
  ...{ id, kind: targetKind.storage, finding, outcomes },
  drawnFrom,
})
