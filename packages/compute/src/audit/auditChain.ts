/** What an auditor reads of the rounds and sends to them. Spec: spec/alignment.md 4 */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import type { AuditTarget } from '@weightless/contracts/drawTargets'
import type { VrfWitness } from '@weightless/crypto'
import type { Ledger } from '@weightless/ledger'

export type RoundClock = { round: bigint; second: number }
export type RoundState = { seedBlock: bigint; licences: bigint; seed: Hex }
export type ReportState = 'none' | 'enrolled' | 'committed' | 'revealed' | 'missed'

const reportStates: readonly ReportState[] = ['none', 'enrolled', 'committed', 'revealed', 'missed']
export const caseStates = ['none', 'open', 'contested', 'upheld', 'dismissed', 'carriedOut'] as const

export async function openAuditChain(ledger: Ledger, address: Hex) {
  const at = { address, abi: abis.auditRounds } as const
  const rules = await ledger.read({ ...at, functionName: 'rules' })
  const beganAt = await ledger.read({ ...at, functionName: 'beganAt' })
  return {
    rules,
    async clock(): Promise<RoundClock> {
      const { timestampSeconds } = await ledger.block('latest')
      const since = timestampSeconds - beganAt
      return { round: since / rules.roundSeconds, second: Number(since % rules.roundSeconds) }
    },
    targets: async (): Promise<readonly AuditTarget[]> => ledger.read({ ...at, functionName: 'targets' }),
    async roundOf(round: bigint): Promise<RoundState> {
      const [seedBlock, licences, seed] = await ledger.read({ ...at, functionName: 'roundOf', args: [round] })
      return { seedBlock, licences: BigInt(licences), seed }
    },
    async reportOf(round: bigint, auditor: Hex): Promise<{ state: ReportState; licences: bigint }> {
      const read = await ledger.read({ ...at, functionName: 'reports', args: [round, auditor] })
      return { state: reportStates[read[2]] ?? 'none', licences: BigInt(read[1]) }
    },
    async bondOf(auditor: Hex): Promise<{ isEnlisted: boolean; bondWei: bigint; lastRound: bigint }> {
      const [keyX, , bondWei, lastRound] = await ledger.read({ ...at, functionName: 'auditors', args: [auditor] })
      return { isEnlisted: keyX !== 0n, bondWei, lastRound }
    },
    enrolledAt: (round: bigint) => ledger.read({ ...at, functionName: 'enrolledAt', args: [round] }),
    async tallyOf(round: bigint, index: number): Promise<{ isSettled: boolean; outcome: number }> {
      const read = await ledger.read({ ...at, functionName: 'tallies', args: [round, BigInt(index)] })
      return { isSettled: read[0], outcome: read[2] }
    },
    async caseOf(caseId: Hex) {
      const [provider, readyAt, state, juryRound] = await ledger.read({ ...at, functionName: 'cases', args: [caseId] })
      return { provider, readyAt, state: caseStates[state] ?? 'none', juryRound }
    },
    join: (keyX: bigint, keyY: bigint, value: bigint) =>
      ledger.submit({ ...at, functionName: 'join', args: [keyX, keyY], value }),
    enrol: () => ledger.submit({ ...at, functionName: 'enrol' }),
    beginRound: () => ledger.submit({ ...at, functionName: 'beginRound' }),
    commit: (commitment: Hex) => ledger.submit({ ...at, functionName: 'commit', args: [commitment] }),
    reveal: (proof: VrfWitness, findings: Hex, evidence: Hex, salt: Hex) =>
      ledger.submit({ ...at, functionName: 'reveal', args: [proof, findings, evidence, salt] }),
    settle: (round: bigint, index: number) =>
      ledger.submit({ ...at, functionName: 'settle', args: [round, BigInt(index)] }),
    takeMissing: (round: bigint, auditor: Hex) =>
      ledger.submit({ ...at, functionName: 'takeMissing', args: [round, auditor] }),
    carryOut: (caseId: Hex) => ledger.submit({ ...at, functionName: 'carryOut', args: [caseId] }),
    /** The newest events of the last blocks. */
    async events<const Names extends readonly string[]>(eventNames: Names, blocks: bigint) {
      const toBlock = await ledger.blockNumber()
      const fromBlock = toBlock > blocks ? toBlock - blocks : 0n
      return ledger.getEvents({ ...at, eventNames, fromBlock, toBlock })
    },
  }
}

export type AuditChain = Awaited<ReturnType<typeof openAuditChain>>
