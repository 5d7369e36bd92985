/**
 * Answers of the audited provider to users who let auditors see them: each that comes is made again. Who hands them over
 * could choose which, so they do not enter the sequential test; a wrong one is proof by itself. Spec: spec/alignment.md 14
 */
import type { Hex } from '@weightless/codec'
import { targetAddress } from '@weightless/contracts/drawTargets'
import type { Bundle } from '@weightless/receipt'
import type { AuditTools } from './auditTarget.ts'
import { drawNumber } from './drawNumber.ts'
import type { Outcome } from './evidence.ts'

/** What gateways hand over of one provider; nothing where none does. */
export type FetchShared = (provider: Hex, round: bigint, signal: AbortSignal) => Promise<readonly Bundle[]>

/** Of those that come, so many are made again. */
export const sharedMax = 2

/** @returns one outcome an answer that was made again, each job once; those that nobody can be held to are left out */
export async function auditShared(
  { judge }: Pick<AuditTools, 'judge'>,
  fetchShared: FetchShared,
  { id, beta, round }: { id: Hex; beta: Hex; round: bigint },
  signal: AbortSignal,
): Promise<Outcome[]> {
  const provider = targetAddress(id)
  // A gateway that is away, or hands over what is no answer, shows nothing.
  const shown = await fetchShared(provider, round, signal).catch(() => [])
  const rest = new Map(shown.map((bundle) => [`${bundle.receipt.user} ${bundle.receipt.jobNonce}`, bundle]))
  const outcomes: Outcome[] = []
  for (let index = 0; index < sharedMax && rest.size > 0 && !signal.aborted; index++) {
    const names = [...rest.keys()].sort()
    const name = names[Number(drawNumber(beta, id, 'shared', index) % BigInt(names.length))]!
    const bundle = rest.get(name)!
    rest.delete(name)
    const judgement = await judge(bundle, provider)
    if (judgement.verdict === 'void') continue
    const detail = judgement.verdict === 'wrong' ? judgement.detail : judgement.reExecuted ? 're-executed' : 'signed'
    outcomes.push({ index, verdict: judgement.verdict, detail, isShared: true, bundle })
  }
  return outcomes
}
