/**
 * Anybody's check of an auditor's evidence: the prompts are those that its number draws, the answers are signed by the
 * target, and making them again gives what the auditor says. Spec: spec/alignment.md 10.5
 */
import type { Hex } from '@weightless/codec'
import { targetAddress, targetKind } from '@weightless/contracts/drawTargets'
import { isChatBundle } from '@weightless/receipt'
import { refusalOf } from './attestation/auditAttestation.ts'
import { type KeyRecord, refusalOfRecord } from './attestation/keyRecord.ts'
import { drawPrompt } from './drawPrompts.ts'
import type { Evidence, Outcome } from './evidence.ts'
import { type JudgeOptions, judgeAnswer } from './judgeAnswer.ts'
import { checkShown } from './storage/checkShown.ts'

export type CheckedLine = { target: Hex; index: number; agrees: boolean; detail: string }

export type CheckOptions = Omit<JudgeOptions, 'provider'> & {
  /** What the chain knew of a key at a block; undefined where that is not to be had any more. */
  recordAt?(provider: Hex, key: Hex, blockNumber: number): Promise<KeyRecord | undefined>
}

/** One line an answer; an auditor's word that there was none, or no fragment, cannot be checked, and agrees. */
export async function checkEvidence({ beta, targets }: Evidence, options: CheckOptions): Promise<CheckedLine[]> {
  const lines: CheckedLine[] = []
  for (const target of targets) {
    const { id, outcomes, isJury } = target
    if (target.kind === targetKind.storage) {
      lines.push(...outcomes.map((outcome) => ({ target: id, ...checkShown(beta, target, outcome) })))
      continue
    }
    if (target.kind === targetKind.chain) {
      // Nobody signs heads and blocks: all of it is the auditor's word.
      lines.push(
        ...outcomes.map(({ index, verdict, detail }) => {
          return { target: id, index, agrees: true, detail: `${verdict}, by its word: ${detail}` }
        }),
      )
      continue
    }
    if (target.kind === targetKind.attestation) {
      for (const outcome of outcomes) lines.push(await checkClaim(beta, id, outcome, options))
      continue
    }
    const drawnBy = isJury ? undefined : beta
    for (const outcome of outcomes) lines.push(await checkOutcome(drawnBy, id, outcome, options))
  }
  return lines
}

/** Of the chain's record: it is what the chain says of that block, where it still says it, and gives that verdict. */
async function checkClaim(beta: Hex, id: Hex, outcome: Outcome, options: CheckOptions): Promise<CheckedLine> {
  const { index, verdict, keyRecord } = outcome
  if (!keyRecord) return checkAttestation(beta, id, outcome, options.chainId)
  const target = targetAddress(id)
  const refusal = refusalOfRecord(keyRecord)
  const detail = `${verdict}: ${refusal ?? 'acknowledged on chain'}`
  if ((refusal === undefined) !== (verdict === 'right')) return { target, index, agrees: false, detail }
  const again = await options.recordAt?.(target, keyRecord.key, keyRecord.blockNumber)
  if (!again) return { target, index, agrees: true, detail: `${detail}, by its word` }
  const said = refusalOfRecord(again)
  return {
    target,
    index,
    agrees: said === refusal,
    detail: said === refusal ? detail : `the chain says: ${said ?? 'acknowledged'}`,
  }
}

/** At the time that the auditor names; that nothing good was shown is its word. */
function checkAttestation(beta: Hex, id: Hex, { index, verdict, detail, attestation }: Outcome, chainId: bigint) {
  const target = targetAddress(id)
  if (verdict !== 'right' || !attestation) {
    return { target, index, agrees: verdict === 'missing' || verdict === 'void', detail: `${verdict}: ${detail}` }
  }
  const question = { chainId: Number(chainId), provider: target, signer: attestation.signer, beta }
  const refusal = refusalOf(question, attestation)
  return { target, index, agrees: refusal === undefined, detail: refusal ?? 'right: fresh' }
}

async function checkOutcome(
  beta: Hex | undefined,
  id: Hex,
  { index, verdict, bundle, detail, isShared }: Outcome,
  options: Omit<JudgeOptions, 'provider'>,
): Promise<CheckedLine> {
  const target = targetAddress(id)
  if (!bundle) return { target, index, agrees: verdict === 'void', detail: `${verdict}: ${detail}` }
  if (beta && !isShared && isChatBundle(bundle)) {
    const asked = JSON.stringify(bundle.opening.messages.map(({ role, content }) => ({ role, content })))
    const drawn = JSON.stringify(drawPrompt(beta, id, index, 0).messages)
    if (asked !== drawn) return { target, index, agrees: false, detail: 'another prompt than its number draws' }
  }
  const again = await judgeAnswer(bundle, { ...options, provider: target })
  const said = again.verdict === 'right' ? 'the same bits' : again.detail
  return { target, index, agrees: again.verdict === verdict, detail: `${again.verdict}: ${said}` }
}
