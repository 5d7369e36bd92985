/** The part of a deployment by which everybody else is audited. Spec: spec/alignment.md */
import { encodeFunctionData, type Hex } from 'viem'
import { alignmentLicenceAbi } from '../src/abi/alignmentLicence.generated.ts'
import { auditRoundsAbi } from '../src/abi/auditRounds.generated.ts'
import { providerStakeAbi } from '../src/abi/providerStake.generated.ts'
import { alignmentLicenceBytecode } from '../src/bytecode/alignmentLicence.generated.ts'
import { auditRoundsBytecode } from '../src/bytecode/auditRounds.generated.ts'
import type { Preset } from './presets.ts'

type CreateProxy = (name: string, implementation: Hex, data: Hex) => Hex
type Call = (what: string, to: Hex, data: Hex) => void

/** After the stakes, of which the rounds become a judge; nothing where nobody is audited. */
export function planAudits(
  { audits }: Preset,
  owner: Hex,
  { inferenceServing, providerStake }: { [name: string]: Hex },
  createProxy: CreateProxy,
  call: Call,
): void {
  if (!audits) return
  const beginRounds = [owner, inferenceServing!, providerStake!, audits.rules] as const
  const rounds = createProxy(
    'auditRounds',
    auditRoundsBytecode,
    encodeFunctionData({ abi: auditRoundsAbi, functionName: 'initialize', args: beginRounds }),
  )
  const { priceWei, licencesMax, boundSeconds, noticeSeconds } = audits.licence
  const beginLicences = [owner, rounds, priceWei, licencesMax, boundSeconds, noticeSeconds] as const
  const licences = createProxy(
    'alignmentLicence',
    alignmentLicenceBytecode,
    encodeFunctionData({ abi: alignmentLicenceAbi, functionName: 'initialize', args: beginLicences }),
  )
  const bind = { functionName: 'setLicences', args: [licences] } as const
  call('bind the licences to audit', rounds, encodeFunctionData({ abi: auditRoundsAbi, ...bind }))
  const plant = { functionName: 'setPlanter', args: [owner] } as const
  call('name who plants known-bad targets', rounds, encodeFunctionData({ abi: auditRoundsAbi, ...plant }))
  const judge = { functionName: 'setJudge', args: [rounds, true] } as const
  call('make the audits a judge', providerStake!, encodeFunctionData({ abi: providerStakeAbi, ...judge }))
}
