/** One audit of one provider: asks as users do, makes the answers again, and stops as soon as they decide. Spec: spec/alignment.md 10, 11 */
import type { Hex } from '@weightless/codec'
import { findingOf, targetAddress } from '@weightless/contracts/drawTargets'
import type { Env } from '@weightless/env'
import type { Bundle } from '@weightless/receipt'
import { type AuditPrompt, drawPrompt } from './drawPrompts.ts'
import type { Outcome, TargetEvidence } from './evidence.ts'
import type { Judgement } from './judgeAnswer.ts'
import { createSprt, type SprtDecision, type SprtState, sprtStart } from './sprt.ts'

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
 * @param before - where the test of this provider stood after earlier rounds
 * @param isSuspect - a wrong answer of it is known already: it is asked on until the test decides
 * @param signal - the time for audits is over: what was found so far counts
 */
export async function auditProvider(
  { env, ask, judge, pace }: AuditTools,
  { id, beta, before, isSuspect = false }: { id: Hex; beta: Hex; before: SprtState; isSuspect?: boolean },
  signal: AbortSignal,
): Promise<{ found: TargetEvidence; after: SprtState }> {
  const provider = targetAddress(id)
  const outcomes: Outcome[] = []
  let state = before
  let isWrong = isSuspect
  for (let index = 0; index < pace.requestsMax && !signal.aborted; index++) {
    const prompt = drawPrompt(beta, id, index, pace.meanGapMs)
    await env.clock.sleep(prompt.afterMs, signal).catch(() => undefined)
    if (signal.aborted) break
    const outcome = await tryOnce(ask, judge, { provider, prompt, index }, signal)
    outcomes.push(outcome)
    if (outcome.verdict === 'void') continue
    isWrong ||= outcome.verdict === 'wrong'
    state = exactTest.observe(state, outcome.verdict === 'wrong')
    const isOver = isWrong ? exactTest.decide(state) === 'faulty' : outcomes.length >= pace.requestsMin
    if (isOver) break
  }
  const decision = exactTest.decide(state)
  const finding = findingFrom(decision, outcomes, signal.aborted)
  // After a decision the test begins anew.
  return { found: { id, kind: 1, finding, outcomes }, after: decision === 'open' ? state : sprtStart }
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
