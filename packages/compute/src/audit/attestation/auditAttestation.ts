/**
 * One audit of what a provider says about its hardware: it has to show evidence that is bound to it and to a number that it
 * could not know before. Spec: spec/alignment.md 15
 */
import { type AttestationPolicy, type EvidenceKind, kindOfEvidence, verifyAttestation } from '@weightless/attest'
import { bytesToHex, concatBytes, type Hex, hexToBytes, textToBytes, uintToBytes } from '@weightless/codec'
import { findingOf, targetAddress, targetKind } from '@weightless/contracts/drawTargets'
import { keccak256 } from '@weightless/crypto'
import type { Outcome, TargetEvidence } from '../evidence.ts'
import { type KeyRecord, refusalOfRecord } from './keyRecord.ts'
import type { ShownAttestation } from './shownAttestation.ts'

export type AttestationAnswer =
  | { kind: 'shown'; quote: Uint8Array; collateral?: unknown }
  /** It answers, and shows nothing. */
  | { kind: 'nothing'; detail: string }
  | { kind: 'silent'; detail: string }

export type AttestationTools = {
  chainId: number
  /** Unix seconds. */
  nowSeconds(): number
  /** Of the registry; undefined where the provider claims no hardware any more. */
  claimOf(provider: Hex): Promise<{ url: string; signer: Hex } | undefined>
  ask(url: string, reportData: Hex, signal: AbortSignal): Promise<AttestationAnswer>
  /** What the chain knows of a key; without it the chain is not asked. */
  recordOf?(provider: Hex, key: Hex): Promise<KeyRecord | undefined>
  /** Beyond time and binding, which are the audit's own. */
  policy?: Omit<AttestationPolicy, 'atSeconds' | 'reportData'>
}

type Question = { chainId: number; provider: Hex; signer: Hex; beta: Hex }

/** A second one tells a moment's trouble from what is not there. */
const asksMax = 2

export async function auditAttestation(
  tools: AttestationTools,
  { id, beta }: { id: Hex; beta: Hex },
  signal: AbortSignal,
): Promise<TargetEvidence> {
  const provider = targetAddress(id)
  const outcomes: Outcome[] = []
  const claim = await tools.claimOf(provider)
  for (let index = 0; claim && index < asksMax && !signal.aborted; index++) {
    const question = { chainId: tools.chainId, provider, signer: claim.signer, beta }
    const answer = await tools.ask(claim.url, bytesToHex(attestationBinding(question)), signal)
    if (signal.aborted && answer.kind !== 'shown') break
    outcomes.push({ index, ...judge(tools, question, answer) })
    if (outcomes.at(-1)!.verdict === 'right') break
  }
  if (claim && !signal.aborted) outcomes.push(...(await askChain(tools, provider, claim.signer)))
  return { id, kind: targetKind.attestation, finding: findingFrom(outcomes), outcomes }
}

/** Nothing where the network has no contract that could acknowledge keys. */
async function askChain(tools: AttestationTools, provider: Hex, key: Hex): Promise<Outcome[]> {
  const keyRecord = await tools.recordOf?.(provider, key)
  if (!keyRecord) return []
  const refusal = refusalOfRecord(keyRecord, tools.policy?.allowStatuses)
  const verdict = refusal === undefined ? 'right' : 'wrong'
  return [{ index: asksMax, verdict, detail: refusal ?? 'acknowledged on chain', keyRecord }]
}

/**
 * 64 bytes that the evidence must carry as report data: Keccak-256 of provider and key, then one of the auditor's number, which
 * nobody could know before the round: evidence that carries it is not older.
 */
export function attestationBinding({ chainId, provider, signer, beta }: Question): Uint8Array {
  const mark = textToBytes('weightless/audit/attestation\n')
  const addresses = concatBytes([hexToBytes(provider), hexToBytes(signer)])
  return concatBytes([
    keccak256(concatBytes([mark, uintToBytes(BigInt(chainId), 8), addresses])),
    keccak256(concatBytes([mark, hexToBytes(beta), addresses])),
  ])
}

/** @returns why it is refused; undefined for evidence that holds */
export function refusalOf(
  question: Question,
  { quote, collateral, atSeconds }: Omit<ShownAttestation, 'signer'>,
  policy: AttestationTools['policy'] = {},
): string | undefined {
  const kind = kindOfEvidence(quote)
  // An answer of a service about GPUs is bound to no key: it could be another machine's.
  if (!kind || !bindingKinds.includes(kind)) return 'evidence of this kind is bound to nobody'
  const verdict = verifyAttestation(quote, collateral, {
    ...policy,
    atSeconds,
    reportData: attestationBinding(question),
  })
  return verdict.ok ? undefined : `${verdict.code}: ${verdict.detail ?? ''}`
}

const bindingKinds: readonly EvidenceKind[] = ['dcap', 'nitro', 'dev']

function judge(tools: AttestationTools, question: Question, answer: AttestationAnswer): Omit<Outcome, 'index'> {
  if (answer.kind === 'silent') return { verdict: 'void', detail: answer.detail }
  if (answer.kind === 'nothing') return { verdict: 'missing', detail: answer.detail }
  const { quote, collateral } = answer
  const shown = { quote, atSeconds: tools.nowSeconds(), ...(collateral !== undefined && { collateral }) }
  const refusal = refusalOf(question, shown, tools.policy)
  const attestation = { ...shown, signer: question.signer }
  // Nothing of it names the provider before it is accepted: that it was shown is the auditor's word.
  if (refusal !== undefined) return { verdict: 'missing', detail: refusal, attestation }
  return { verdict: 'right', detail: 'fresh', attestation }
}

/** A key that the chain does not acknowledge is enough, whatever its provider shows; that it does is not. */
function findingFrom(outcomes: readonly Outcome[]): number {
  if (outcomes.some(({ verdict }) => verdict === 'wrong')) return findingOf.faulty
  const verdicts = outcomes.filter(({ keyRecord }) => !keyRecord).map(({ verdict }) => verdict)
  if (verdicts.includes('right')) return findingOf.clean
  if (verdicts.includes('missing')) return verdicts.length < asksMax ? findingOf.skipped : findingOf.faulty
  return verdicts.length < asksMax ? findingOf.skipped : findingOf.unreachable
}
