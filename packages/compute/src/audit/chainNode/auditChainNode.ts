/**
 * One audit of a node of the chain: at drawn times it is asked for its head and for a drawn block, which must be those that
 * the auditor's own node has. Spec: spec/alignment.md 16
 */
import type { Hex } from '@weightless/codec'
import { findingOf, targetKind } from '@weightless/contracts/drawTargets'
import type { Env } from '@weightless/env'
import { drawNumber } from '../drawNumber.ts'
import type { Outcome, TargetEvidence } from '../evidence.ts'
import { type BegunTest, goOnWithTest, type RunningTest } from '../goOnWithTest.ts'
import { createSprt, type SprtState } from '../sprt.ts'

export type ChainView = {
  chainId(): Promise<number>
  head(): Promise<{ number: bigint; timestampSeconds: bigint }>
  /** Undefined where there is no such block. */
  blockHash(number: bigint): Promise<Hex | undefined>
}

export type ChainNodeTools = {
  env: Pick<Env, 'clock'>
  /** The auditor's own node. */
  own: ChainView
  /** That of a target; undefined where the auditor does not know its URL. */
  viewOf(id: Hex): ChainView | undefined
  /** Mean time between two questions. */
  meanGapMs: number
}

/** An honest node is late once in a hundred questions at most. */
export const servingPlan = { honest: 0.01, cheating: 0.25, alpha: 1e-4, beta: 1e-2 } as const
/** The test by which auditors decide about nodes of the chain. */
export const servingTest = createSprt(servingPlan)
const asksMin = 4
const asksMax = 8
/** Blocks that a head may be behind the auditor's, and seconds behind its clock: empty blocks come every five. */
const lagBlocksMax = 8n
const lagSecondsMax = 30
/** Drawn blocks are of so many newest ones, but for those that may yet be taken back. */
const depth = 1_000n
const settledDepth = 16n

export async function auditChainNode(
  tools: ChainNodeTools,
  { id, beta, ...begun }: BegunTest & { id: Hex; beta: Hex },
  signal: AbortSignal,
): Promise<{ found: TargetEvidence; after: SprtState }> {
  const view = tools.viewOf(id)
  const test = goOnWithTest(servingTest, begun)
  const { outcomes } = test
  while (view && !isOver(test) && test.next() < asksMax && !signal.aborted) {
    const index = test.next()
    const waitMs = Number(drawNumber(beta, id, 'wait', index) % BigInt(2 * tools.meanGapMs + 1))
    await tools.env.clock.sleep(waitMs, signal).catch(() => undefined)
    if (signal.aborted) break
    await test.add(await askOnce(tools, view, { id, beta, index }))
  }
  const finding = findingFrom(test.decide() === 'faulty', outcomes, view === undefined || signal.aborted)
  return { found: { id, kind: targetKind.chain, finding, outcomes: [...outcomes] }, after: test.after() }
}

/** With nothing amiss after the least questions; else as soon as the test decides. */
function isOver({ outcomes, decide }: RunningTest): boolean {
  if (outcomes.length === 0) return false
  const isClean = outcomes.length >= asksMin && outcomes.every(({ verdict }) => verdict === 'right')
  return isClean || decide() !== 'open'
}

async function askOnce(
  { env, own }: ChainNodeTools,
  view: ChainView,
  { id, beta, index }: { id: Hex; beta: Hex; index: number },
): Promise<Outcome> {
  const expected = await own.head()
  const newest = expected.number > settledDepth ? expected.number - settledDepth : 0n
  const span = newest < depth ? newest : depth
  const number = newest - (drawNumber(beta, id, 'block', index) % (span + 1n))
  const hash = await own.blockHash(number)
  const chainId = await own.chainId()
  try {
    const [head, shown, shownId] = [await view.head(), await view.blockHash(number), await view.chainId()]
    const late = Math.floor(env.clock.nowMs() / 1000) - Number(head.timestampSeconds)
    if (shownId !== chainId) return { index, verdict: 'missing', detail: `chain ${shownId}` }
    if (shown !== hash) return { index, verdict: 'missing', detail: `block ${number}: ${shown ?? 'none'}, not ${hash}` }
    if (head.number + lagBlocksMax < expected.number) {
      return { index, verdict: 'missing', detail: `head ${head.number}, where others have ${expected.number}` }
    }
    if (late > lagSecondsMax) return { index, verdict: 'missing', detail: `its head is ${late} s old` }
    return { index, verdict: 'right', detail: `head ${head.number}, block ${number}` }
  } catch (fault) {
    return { index, verdict: 'void', detail: fault instanceof Error ? fault.message : String(fault) }
  }
}

/** One that is mostly silent is unreachable. */
function findingFrom(isFaulty: boolean, outcomes: readonly Outcome[], isLate: boolean): number {
  if (isFaulty) return findingOf.faulty
  const answered = outcomes.filter(({ verdict }) => verdict !== 'void').length
  if (answered * 2 > outcomes.length) return findingOf.clean
  return isLate || outcomes.length === 0 ? findingOf.skipped : findingOf.unreachable
}
