/** The work of one round: looks at the targets that the auditor's key draws, and puts report and evidence on its disk. Spec: spec/alignment.md 10 */
import { bytesToHex, type Hex, hexToBytes, WeightlessError } from '@weightless/codec'
import { drawTargets, findingOf, targetKind } from '@weightless/contracts/drawTargets'
import { fileRoot, vrfProve } from '@weightless/crypto'
import { auditAttestation } from './attestation/auditAttestation.ts'
import type { AuditChain } from './auditChain.ts'
import type { AuditMemory, Drawn, KeptReport } from './auditMemory.ts'
import type { AuditorOptions } from './auditorOptions.ts'
import { auditProvider } from './auditTarget.ts'
import { auditChainNode } from './chainNode/auditChainNode.ts'
import { encodeEvidence, type Outcome, type TargetEvidence } from './evidence.ts'
import { gatherEvidence } from './gatherEvidence.ts'
import { judgeEvidence } from './judgeEvidence.ts'
import { auditShared } from './sharedReceipts.ts'
import type { SprtState } from './sprt.ts'
import { auditHolder } from './storage/auditHolder.ts'
import { signedFragments } from './storage/signedFragments.ts'

export type ReportParts = { options: AuditorOptions; chain: AuditChain; memory: AuditMemory }
export type RoundDraw = { round: bigint; seed: Hex; licences: bigint; allLicences: bigint; signal: AbortSignal }

/** Why an audit ends that is to be gone on with after a restart, unlike one whose time is over. */
export const left = 'left'

/** @throws {AuditLeftError} */
export async function makeReport(
  parts: ReportParts,
  { round, seed, licences, allLicences, signal }: RoundDraw,
): Promise<KeptReport> {
  const { options, chain, memory } = parts
  const kept = memory.report()
  // It was there before a restart.
  if (kept?.round === round && kept.seed === seed) return kept
  const beta = bytesToHex(vrfProve(options.secret, hexToBytes(seed)).beta)
  const drawn: Drawn = { round, beta, auditor: options.ledger.address! }
  const targets = await chain.targets()
  const auditorsPerTarget = BigInt(chain.rules.auditorsPerTarget)
  const indices = drawTargets({ beta, round, licences, allLicences, auditorsPerTarget }, targets)
  await memory.takeOver(beta, targets)
  const findings = new Uint8Array(targets.length)
  const all = new Map<number, TargetEvidence>()
  const tests: { target: TargetEvidence; state: SprtState }[] = []
  const look = async (index: number) => {
    const { id, kind, juryRound } = targets[index]!
    const { found, after } = await lookAt(parts, { ...drawn, id, kind, index, juryRound }, signal)
    findings[index] = found.finding
    all.set(index, found)
    if (after) tests.push({ target: found, state: after })
    options.onEvent?.({ type: 'found', round, found })
  }
  // At once: one that is slow keeps no other waiting.
  await Promise.all(indices.map(look))
  if (signal.reason === left) throw new AuditLeftError({ round })
  const evidence = encodeEvidence({ ...drawn, targets: indices.map((index) => all.get(index)!) })
  const report = { round, seed, findings: bytesToHex(findings), evidence: bytesToHex(fileRoot(evidence)) }
  // Only what somebody may have to judge.
  await memory.finish(report, evidence, tests, findings.includes(findingOf.faulty))
  return report
}

type Looking = Drawn & { id: Hex; kind: number; index: number; juryRound: bigint }
/** `after` where a test goes on over rounds. */
type Looked = { found: TargetEvidence; after?: SprtState }

async function lookAt({ options, chain, memory }: ReportParts, target: Looking, signal: AbortSignal): Promise<Looked> {
  const { attestations, chainNodes, holders, tools } = options
  const { id, kind, index, beta, juryRound, round, auditor } = target
  const { outcomes: seen, drawnFrom: seenFrom } = memory.seenOf(target, beta)
  const keep = async (outcome: Outcome, drawnFrom?: TargetEvidence['drawnFrom']) => {
    // No answer came, because it was left: it is asked for again.
    if (signal.reason === left) return
    const found = { id, kind, finding: findingOf.skipped, ...(drawnFrom && { drawnFrom }) }
    await memory.keepOutcome({ round, beta, auditor }, found, outcome)
  }
  const begun = { id, beta, before: memory.testOf(target), seen, keep }
  if (kind === targetKind.storage && holders) {
    const looked = await auditHolder(holders, { ...begun, ...(seenFrom && { seenFrom }) }, signal)
    for (const proof of signedFragments(looked.found)) options.onWrongFragment?.(proof)
    return looked
  }
  if (kind === targetKind.attestation && attestations) {
    return { found: await auditAttestation(attestations, { id, beta }, signal) }
  }
  if (kind === targetKind.chain && chainNodes) return auditChainNode(chainNodes, begun, signal)
  // It has no way to look at others.
  if (kind !== targetKind.inference) return { found: { id, kind, finding: findingOf.skipped, outcomes: [] } }
  if (juryRound !== round)
    return auditAnswers(options, { ...begun, round, isSuspect: memory.isSuspect(target) }, signal)
  const shown = await gatherEvidence(chain, { id, index, juryRound }, options.fetchEvidence)
  return { found: await judgeEvidence(tools.judge, id, shown) }
}

type BegunAudit = Parameters<typeof auditProvider>[1] & { round: bigint }

/** What the provider answers the auditor, and what it answered users. */
async function auditAnswers(
  { tools, shared, onProved }: AuditorOptions,
  { round, ...begun }: BegunAudit,
  signal: AbortSignal,
): Promise<Looked> {
  const { id, beta } = begun
  const others = shared ? await auditShared(tools, shared, { id, beta, round }, signal) : []
  const wrong = others.filter(({ verdict }) => verdict === 'wrong')
  for (const { bundle } of wrong) if (bundle) onProved?.(bundle)
  const isSuspect = begun.isSuspect || wrong.length > 0
  const { found, after } = await auditProvider(tools, { ...begun, isSuspect }, signal)
  return { found: { ...found, outcomes: [...found.outcomes, ...others] }, after }
}

export class AuditLeftError extends WeightlessError {
  constructor(facts: { round: bigint }) {
    super('compute/audit-left', 'The audit was left before its end.', facts)
  }
}
