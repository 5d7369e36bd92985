/** The part of a deployment by which inference providers answer with their stake. Spec: spec/settlement.md 9. */
import { encodeFunctionData, type Hex } from 'viem'
import { inferenceServingAbi } from '../src/abi/inferenceServing.generated.ts'
import { providerStakeAbi } from '../src/abi/providerStake.generated.ts'
import { providerStakeBytecode } from '../src/bytecode/providerStake.generated.ts'
import type { Preset } from './presets.ts'

type CreateProxy = (name: string, implementation: Hex, data: Hex) => Hex
type Call = (what: string, to: Hex, data: Hex) => void

/** Nothing where a stake goes back at once, as in the existing network. */
export function planStake(
  preset: Preset,
  owner: Hex,
  { inferenceServing, receiptSettlement }: { [name: string]: Hex },
  createProxy: CreateProxy,
  call: Call,
): void {
  if (preset.faultPercent === undefined) return
  const args = [owner, inferenceServing!, receiptSettlement!, preset.faultPercent] as const
  const data = encodeFunctionData({ abi: providerStakeAbi, functionName: 'initialize', args })
  const stake = createProxy('providerStake', providerStakeBytecode, data)
  const abi = inferenceServingAbi
  const bind = encodeFunctionData({ abi, functionName: 'setProviderStake', args: [stake] })
  call('let stakes be slashed', inferenceServing!, bind)
}
