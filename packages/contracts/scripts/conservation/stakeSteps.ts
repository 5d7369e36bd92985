/** Steps that both contracts of stakes have alike: of inference and of fine-tuning. */
import assert from 'node:assert/strict'
import type { Hex } from 'viem'
import type { SettlementRig } from '../settlementRig.ts'
import type { StakeBooks } from './stakeBooks.ts'

type StakeWorld = SettlementRig & StakeBooks & { user: Hex; reporter: Hex; delaySeconds: bigint }

export function stakeSteps(contract: 'providerStake' | 'trainingStake') {
  // What is called here is the same in both.
  const stakeOf = ({ contracts }: StakeWorld['rig']) => {
    return { abi: contracts.providerStake.abi, address: contracts[contract].address }
  }
  return {
    async withdrawStake(world: StakeWorld): Promise<void> {
      const { rig, provider } = world
      const sent = await rig.send(stakeOf(rig), 'withdrawStake', [], { from: provider.address })
      assert.equal(sent.ok, world.waiting > 0n && rig.evm.block.timestamp >= world.readyAt)
      if (!sent.ok) return
      world.staked -= world.waiting
      world.waiting = 0n
    },
    async withdrawCredit(world: StakeWorld, { pick }: { pick: number }): Promise<void> {
      const who = pick % 2 ? 'user' : 'reporter'
      const { rig, credits } = world
      const sent = await rig.send(stakeOf(rig), 'withdrawCredit', [], { from: world[who] })
      assert.equal(sent.ok, credits[who] > 0n)
      world.staked -= credits[who]
      credits[who] = 0n
    },
  }
}

/** The service is gone: its stake waits. */
export function takeBack(world: StakeWorld): void {
  if (world.active === 0n) return
  world.waiting += world.active
  world.active = 0n
  world.readyAt = world.rig.evm.block.timestamp + world.delaySeconds
}
