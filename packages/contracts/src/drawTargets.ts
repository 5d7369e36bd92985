/**
 * Which targets an auditor looks at in a round, and how its report is committed to: what `AuditRounds` computes, for auditors
 * and for anybody who checks them. Spec: spec/alignment.md 4, 5
 */
import { bytesToHex, concatBytes, type Hex, hexToBytes, uintToBytes } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'

/** `attestation`: of the hardware that a provider claims; `chain`: nodes of the chain. */
export const targetKind = { inference: 1, storage: 2, attestation: 3, chain: 4 } as const
/** `skipped`: the auditor did not come to it. */
export const findingOf = { none: 0, clean: 1, faulty: 2, unreachable: 3, skipped: 4 } as const

/** Of a provider of inference: its address in a word. */
export const targetIdOf = (address: Hex): Hex => `0x${address.slice(2).toLowerCase().padStart(64, '0')}`
/** The address of such an id. */
export const targetAddress = (id: Hex): Hex => `0x${id.slice(26)}`

/** As `targets()` of the contract gives them. */
export type AuditTarget = {
  id: Hex
  kind: number
  fromRound: bigint
  untilRound: bigint
  juryRound: bigint
}

export type Draw = {
  /** The 32 bytes of the auditor's key for the round's seed. */
  beta: Hex
  round: bigint
  /** Licences that the auditor enrolled with, and those of all. */
  licences: bigint
  allLicences: bigint
  auditorsPerTarget: bigint
}

/** Places in the list, ascending. */
export function drawTargets(draw: Draw, targets: readonly AuditTarget[]): number[] {
  return [...targets.keys()].filter((index) => isDrawn(draw, targets[index]!))
}

function isDrawn({ beta, round, licences, allLicences, auditorsPerTarget }: Draw, target: AuditTarget): boolean {
  const isAudited = round >= target.fromRound && (target.untilRound === 0n || round < target.untilRound)
  if (!isAudited) return false
  if (target.juryRound === round) return true
  const hash = keccak256(concatBytes([hexToBytes(beta), word(BigInt(target.kind)), hexToBytes(target.id)]))
  const ticket = BigInt(bytesToHex(hash.subarray(24)))
  return ticket * allLicences < (auditorsPerTarget * licences) << 64n
}

/** What a round finds of a target: the finding of a quorum and of more than two thirds of those revealed, else 0. */
export function weighFindings(findings: readonly number[], quorum: number): number {
  for (const kind of [findingOf.clean, findingOf.faulty, findingOf.unreachable]) {
    const count = findings.filter((finding) => finding === kind).length
    if (count >= quorum && count * 3 > findings.length * 2) return kind
  }
  return findingOf.none
}

/** What `commit` takes: keccak-256 of auditor, round, findings, evidence and salt, ABI-encoded. */
export function reportCommitment(report: {
  auditor: Hex
  round: bigint
  findings: Uint8Array
  evidence: Hex
  salt: Hex
}): Hex {
  const { auditor, round, findings, evidence, salt } = report
  const padded = new Uint8Array(Math.ceil(findings.length / 32) * 32)
  padded.set(findings)
  return bytesToHex(
    keccak256(
      concatBytes([
        ...[word(BigInt(auditor)), word(round), word(160n), hexToBytes(evidence), hexToBytes(salt)],
        ...[word(BigInt(findings.length)), padded],
      ]),
    ),
  )
}

const word = (value: bigint): Uint8Array => uintToBytes(value, 32)
