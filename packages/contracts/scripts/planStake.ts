/** The part of a deployment by which providers and storage nodes answer with their stake. Spec: spec/settlement.md 9, spec/storage.md 15. */
import { encodeDeployData, encodeFunctionData, type Hex, zeroAddress } from 'viem'
import { fineTuningServingAbi } from '../src/abi/fineTuningServing.generated.ts'
import { holderStakeAbi } from '../src/abi/holderStake.generated.ts'
import { inferenceServingAbi } from '../src/abi/inferenceServing.generated.ts'
import { providerStakeAbi } from '../src/abi/providerStake.generated.ts'
import { holderStakeBytecode } from '../src/bytecode/holderStake.generated.ts'
import { providerStakeBytecode } from '../src/bytecode/providerStake.generated.ts'
import { trainingStakeBytecode } from '../src/bytecode/trainingStake.generated.ts'
import type { Preset } from './presets.ts'

type Create = (name: string, initCode: Hex) => Hex
type CreateProxy = (name: string, implementation: Hex, data: Hex) => Hex
type Call = (what: string, to: Hex, data: Hex) => void

/** Nothing where a stake goes back at once, as in the existing network. */
export function planStake(
  preset: Preset,
  owner: Hex,
  { inferenceServing, receiptSettlement, fineTuningServing }: { [name: string]: Hex },
  create: Create,
  createProxy: CreateProxy,
  call: Call,
): void {
  const { faultPercent, lockSeconds, challengeSeconds } = preset
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
  // What a storage node takes back waits as long as what a provider does; nobody owns this contract.
  const ofHolders = { abi: holderStakeAbi, bytecode: holderStakeBytecode } as const
  create('holderStake', encodeDeployData({ ...ofHolders, args: [lockSeconds + challengeSeconds, faultPercent] }))
}
