/** One audit of one provider: asks as users do, makes the answers again, and stops as soon as they decide. Spec: spec/alignment.md 10, 11 */
import type { Hex } from '@weightless/codec'
import { findingOf, targetAddress } from '@weightless/contracts/drawTargets'
import type { Env } from '@weightless/env'
import type { Bundle } from '@weightless/receipt'
import { type AuditPrompt, drawPrompt } from './drawPrompts.ts'
import type { Outcome, TargetEvidence } from './evidence.ts'
import { type BegunTest, goOnWithTest, type RunningTest } from './goOnWithTest.ts'
import type { Judgement } from './judgeAnswer.ts'
import { createSprt, type SprtDecision, type SprtState } from './sprt.ts'

/** Of answers that are made again bit by bit: an honest provider fails one of a thousand at most, by faults of machines. */
export const exactPlan = { honest: 1e-3, cheating: 0.5, alpha: 1e-4, beta: 1e-2 } as const

export type AuditPace = {
  /** Requests of an audit in which nothing is wrong, and of any. */
  requestsMin: number
  requestsMax: number
  /** Mean time between two requests. */
  meanGapMs: number
}

export type AuditTools = {
  env: Pick<Env, 'clock'>
  /** Asks through an ordinary account; undefined when no answer with a receipt came. */
  ask(provider: Hex, prompt: AuditPrompt, signal: AbortSignal): Promise<Bundle | undefined>
  judge(bundle: Bundle, provider: Hex): Promise<Judgement>
  pace: AuditPace
}

/** The test by which auditors and jurors decide. */
export const exactTest = createSprt(exactPlan)

/**
 * @param isSuspect - a wrong answer of it is known already: it is asked on until the test decides
 * @param signal - the time for audits is over: what was found so far counts
 */
export async function auditProvider(
  { env, ask, judge, pace }: AuditTools,
  { id, beta, isSuspect = false, ...begun }: BegunTest & { id: Hex; beta: Hex; isSuspect?: boolean },
  signal: AbortSignal,
): Promise<{ found: TargetEvidence; after: SprtState }> {
  const provider = targetAddress(id)
  const test = goOnWithTest(exactTest, begun)
  const { outcomes } = test
  while (!isOver(test, pace, isSuspect) && test.next() < pace.requestsMax && !signal.aborted) {
    const prompt = drawPrompt(beta, id, test.next(), pace.meanGapMs)
    await env.clock.sleep(prompt.afterMs, signal).catch(() => undefined)
    if (signal.aborted) break
    await test.add(await tryOnce(ask, judge, { provider, prompt, index: test.next() }, signal))
  }
  const finding = findingFrom(test.decide(), outcomes, signal.aborted)
  return { found: { id, kind: 1, finding, outcomes: [...outcomes] }, after: test.after() }
}

/** With a right answer after the least requests; where one is wrong, when the test decides. */
function isOver({ outcomes, decide }: RunningTest, { requestsMin }: AuditPace, isSuspect: boolean): boolean {
  const last = outcomes.at(-1)
  if (!last || last.verdict === 'void') return false
  const isWrong = isSuspect || outcomes.some(({ verdict }) => verdict === 'wrong')
  return isWrong ? decide() === 'faulty' : outcomes.length >= requestsMin
}

/** Whom it had no time to ask, it says nothing about. */
function findingFrom(decision: SprtDecision, outcomes: readonly Outcome[], isLate: boolean): number {
  if (decision === 'faulty') return findingOf.faulty
  if (outcomes.some(({ verdict }) => verdict !== 'void')) return findingOf.clean
  return isLate && outcomes.length < 2 ? findingOf.skipped : findingOf.unreachable
}

async function tryOnce(
  ask: AuditTools['ask'],
  judge: AuditTools['judge'],
  { provider, prompt, index }: { provider: Hex; prompt: AuditPrompt; index: number },
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    const bundle = await ask(provider, prompt, signal)
    if (!bundle) return { index, verdict: 'void', detail: 'no answer with a receipt' }
    const judgement = await judge(bundle, provider)
    const detail = judgement.verdict === 'right' ? (judgement.reExecuted ? 're-executed' : 'signed') : judgement.detail
    return { index, verdict: judgement.verdict, detail, bundle }
  } catch (fault) {
    return { index, verdict: 'void', detail: fault instanceof Error ? fault.message : String(fault) }
  }
}
