/** What anybody may do once a round is over, and auditors do because they are paid by it. Spec: spec/alignment.md 4.5, 4.6, 7.3 */
import { bytesToHex, concatBytes, type Hex, hexToBytes, uintToBytes } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import { TransactionRevertedError } from '@weightless/ledger'
import type { AuditChain, RoundClock } from './auditChain.ts'
import type { AuditMemory } from './auditMemory.ts'

/** After so many rounds nothing of a round can be settled any more. */
const roundsBackMax = 8n

export type SettlerMemory = Pick<AuditMemory, 'cases' | 'addCase' | 'endCase'>

export function createSettler(chain: AuditChain, memory: SettlerMemory, env: Pick<Env, 'log'>) {
  const { openSeconds } = chain.rules
  let settledTo: bigint | undefined

  /** Others do the same at the same time: who comes second is told so, and that is all. */
  async function tryTo(what: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act()
    } catch (fault) {
      if (!(fault instanceof TransactionRevertedError)) throw fault
      env.log.debug(`${what} was done already`, { reason: fault.reason.errorName ?? '' })
    }
  }

  async function settleRound(round: bigint): Promise<void> {
    if ((await chain.roundOf(round)).licences === 0n) return
    for (const [index, target] of (await chain.targets()).entries()) {
      const isAudited = round >= target.fromRound && (target.untilRound === 0n || round < target.untilRound)
      if (!isAudited) continue
      if (!(await chain.tallyOf(round, index)).isSettled) await tryTo('settling', () => chain.settle(round, index))
      const caseId = caseIdOf(round, target.id)
      if (isHeard((await chain.caseOf(caseId)).state)) await memory.addCase(caseId)
    }
    for (const auditor of await chain.enrolledAt(round)) {
      const { state } = await chain.reportOf(round, auditor)
      if (state === 'enrolled' || state === 'committed') {
        await tryTo('taking a bond', () => chain.takeMissing(round, auditor))
      }
    }
  }

  async function pursueCases(nowSeconds: bigint): Promise<void> {
    for (const caseId of memory.cases()) {
      const { state, readyAt } = await chain.caseOf(caseId)
      if (state === 'contested') continue
      const isReady = state === 'upheld' || (state === 'open' && nowSeconds >= readyAt)
      if (isReady) await tryTo('carrying out', () => chain.carryOut(caseId))
      if (isReady || state !== 'open') await memory.endCase(caseId)
    }
  }

  return async ({ round, second }: RoundClock, nowSeconds: bigint, delaySeconds: number): Promise<void> => {
    const last = round - 1n
    settledTo ??= round > roundsBackMax ? round - roundsBackMax : -1n
    if (second >= Number(openSeconds) + delaySeconds) {
      for (let next = settledTo + 1n; next <= last; next++) {
        await settleRound(next)
        settledTo = next
      }
    }
    await pursueCases(nowSeconds)
  }
}

/** It can still come to be carried out. */
const isHeard = (state: string): boolean => ['open', 'contested', 'upheld'].includes(state)

const caseIdOf = (round: bigint, id: Hex): Hex =>
  bytesToHex(keccak256(concatBytes([uintToBytes(round, 32), hexToBytes(id)])))
