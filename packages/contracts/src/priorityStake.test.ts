import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseEther } from 'viem'
import { createRig } from '../scripts/contractRig.ts'
import { presets } from '../scripts/presets.ts'

const { ticketWei, unlockSeconds } = presets.weightless.priority

describe('Priority stake', () => {
  it('gives everybody a ticket, one more for each full unit, and no more than 64', async () => {
    const rig = await createRig()
    const { priorityStake } = rig.contracts
    const from = rig.accounts[1]!.address
    const tickets = async () => (await rig.must(priorityStake, 'ticketsOf', [from])).value
    assert.equal(await tickets(), 1n)
    await rig.must(priorityStake, 'lock', [], { from, value: ticketWei * 3n - 1n })
    assert.equal(await tickets(), 3n)
    await rig.must(priorityStake, 'lock', [], { from, value: 1n })
    assert.equal(await tickets(), 4n)
    await rig.must(priorityStake, 'lock', [], { from, value: ticketWei * 1000n })
    assert.equal(await tickets(), 64n)
  })

  it('stops counting when the unlock is asked for, and pays when it has waited', async () => {
    const rig = await createRig()
    const { priorityStake } = rig.contracts
    const from = rig.accounts[1]!.address
    const errorOf = async (sent: Promise<{ ok: boolean; error?: string }>) => (await sent).error
    assert.equal(await errorOf(rig.send(priorityStake, 'lock', [], { from })), 'NothingToLock')
    assert.equal(await errorOf(rig.send(priorityStake, 'withdraw', [], { from })), 'NothingUnlocking')
    assert.equal(await errorOf(rig.send(priorityStake, 'cancelUnlock', [], { from })), 'NothingUnlocking')
    await rig.must(priorityStake, 'lock', [], { from, value: parseEther('2') })
    const tooMuch = rig.send(priorityStake, 'requestUnlock', [parseEther('2') + 1n], { from })
    assert.equal(await errorOf(tooMuch), 'StakeTooSmall')
    await rig.must(priorityStake, 'requestUnlock', [parseEther('1')], { from })
    assert.equal((await rig.must(priorityStake, 'stakeOf', [from])).value, parseEther('1'))
    rig.evm.advance(1, Number(unlockSeconds) - 1)
    assert.equal(await errorOf(rig.send(priorityStake, 'withdraw', [], { from })), 'StillUnlocking')
    // more of it begins the wait anew
    await rig.must(priorityStake, 'requestUnlock', [parseEther('0.5')], { from })
    rig.evm.advance(1, 1)
    assert.equal(await errorOf(rig.send(priorityStake, 'withdraw', [], { from })), 'StillUnlocking')
    rig.evm.advance(1, Number(unlockSeconds))
    const before = await rig.evm.balance(from)
    await rig.must(priorityStake, 'withdraw', [], { from })
    assert.equal((await rig.evm.balance(from)) - before, parseEther('1.5'))
    await rig.must(priorityStake, 'requestUnlock', [parseEther('0.5')], { from })
    await rig.must(priorityStake, 'cancelUnlock', [], { from })
    assert.equal((await rig.must(priorityStake, 'stakeOf', [from])).value, parseEther('0.5'))
    assert.equal(await rig.evm.balance(priorityStake.address), parseEther('0.5'))
  })
})
