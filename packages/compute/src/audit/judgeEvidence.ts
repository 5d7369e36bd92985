/**
 * What a juror does: looks at the evidence of a case, at nothing else, and says whether the accused signed wrong answers.
 * Spec: spec/alignment.md 7.2
 */
import type { Hex } from '@weightless/codec'
import { findingOf, targetAddress } from '@weightless/contracts/drawTargets'
import { type AuditTools, exactTest } from './auditTarget.ts'
import type { Evidence, Outcome, TargetEvidence } from './evidence.ts'
import { sprtStart } from './sprt.ts'

/** Receipts that a juror makes again, of all evidence together. */
const receiptsMax = 16

/** Each signed job counts once, whoever shows it; what nobody signed counts for nothing. */
export async function judgeEvidence(
  judge: AuditTools['judge'],
  id: Hex,
  shown: readonly Evidence[],
): Promise<TargetEvidence> {
  const outcomes: Outcome[] = []
  const seen = new Set<string>()
  let state = sprtStart
  for (const { bundle, isShared } of shown.flatMap(
    ({ targets }) => targets.find((target) => target.id === id)?.outcomes ?? [],
  )) {
    // Those that users handed over could be chosen.
    if (!bundle || isShared || outcomes.length === receiptsMax) continue
    const job = `${bundle.receipt.user.toLowerCase()} ${bundle.receipt.jobNonce}`
    if (seen.has(job)) continue
    seen.add(job)
    const judgement = await judge(bundle, targetAddress(id))
    if (judgement.verdict === 'void') continue
    const detail = judgement.verdict === 'wrong' ? judgement.detail : 're-executed'
    outcomes.push({ index: outcomes.length, verdict: judgement.verdict, detail, bundle })
    state = exactTest.observe(state, judgement.verdict === 'wrong')
    if (exactTest.decide(state) === 'faulty') break
  }
  const finding = exactTest.decide(state) === 'faulty' ? findingOf.faulty : findingOf.clean
  return { id, kind: 1, finding, isJury: true, outcomes }
}
