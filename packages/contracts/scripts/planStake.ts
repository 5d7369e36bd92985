/** The part of a deployment by which providers answer with their stake. Spec: spec/settlement.md 9. */
import { encodeFunctionData, type Hex, zeroAddress } from 'viem'
import { fineTuningServingAbi } from '../src/abi/fineTuningServing.generated.ts'
import { inferenceServingAbi } from '../src/abi/inferenceServing.generated.ts'
import { providerStakeAbi } from '../src/abi/providerStake.generated.ts'
import { providerStakeBytecode } from '../src/bytecode/providerStake.generated.ts'
import { trainingStakeBytecode } from '../src/bytecode/trainingStake.generated.ts'
import type { Preset } from './presets.ts'

type CreateProxy = (name: string, implementation: Hex, data: Hex) => Hex
type Call = (what: string, to: Hex, data: Hex) => void

/** Nothing where a stake goes back at once, as in the existing network. */
export function planStake(
  preset: Preset,
  owner: Hex,
  { inferenceServing, receiptSettlement, fineTuningServing }: { [name: string]: Hex },
  createProxy: CreateProxy,
  call: Call,
): void {
  const { faultPercent } = preset
  if (faultPercent === undefined) return
  const begin = (serving: Hex, receipts: Hex) => {
    const args = [owner, serving, receipts, faultPercent] as const
    return encodeFunctionData({ abi: providerStakeAbi, functionName: 'initialize', args })
  }
  const stake = createProxy('providerStake', providerStakeBytecode, begin(inferenceServing!, receiptSettlement!))
  const bind = { functionName: 'setProviderStake', args: [stake] } as const
  call('let stakes be slashed', inferenceServing!, encodeFunctionData({ abi: inferenceServingAbi, ...bind }))
  // Receipts of trainings are in the domain of the serving contract itself.
  const training = createProxy('trainingStake', trainingStakeBytecode, begin(fineTuningServing!, zeroAddress))
  const bindTraining = { functionName: 'setProviderStake', args: [training] } as const
  const data = encodeFunctionData({ abi: fineTuningServingAbi, ...bindTraining })
  call('let stakes of fine-tuning be slashed', fineTuningServing!, data)
}
