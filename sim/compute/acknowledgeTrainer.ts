/** The owner's word for a fine-tuning provider, without which no user of the existing contracts takes its signature. */
import type { Hex } from '@weightless/codec'
import { abis, addresses, genesis } from '@weightless/contracts'
import type { ComputeNet } from './computeNet.ts'

export async function acknowledgeTrainer(net: ComputeNet, address: Hex): Promise<void> {
  await net.ledgerOf(genesis.ownerAccountIndex).submit({
    ...{ address: addresses.fineTuningServing, abi: abis.fineTuningServing },
    ...{ functionName: 'acknowledgeTEESignerByOwner', args: [address] },
  })
}
