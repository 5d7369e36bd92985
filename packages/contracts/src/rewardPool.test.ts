import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Hex, keccak256, toHex } from 'viem'
import { createRig, eventsOf, type Rig } from '../scripts/contractRig.ts'
import { presets } from '../scripts/presets.ts'

const price = 1_000_000n
const releaseSeconds = 1000n
/** Chunks of 16 sectors; who owns the contracts stands in for flow and mine. */
const preset = { ...presets.upstream, chunkSectors: 16n, releaseSeconds, pricePerSectorWei: price }
const minerId = keccak256(toHex('miner'))

/** A pool of its own whose market and mine are accounts. */
async function openPool() {
  const rig = await createRig(preset)
  const { flow, rewardPool, poraMine } = rig.contracts
  const [owner, miner] = rig.accounts
  const submit = async (heights: bigint[], name: string) => {
    const nodes = heights.map((height) => ({ root: keccak256(toHex(name + height)), height }))
    const sectors = heights.reduce((sum, height) => sum + 2n ** height, 0n)
    const data = { length: sectors * 256n, tags: '0x' as Hex, nodes }
    return rig.must(flow, 'submit', [{ data, submitter: owner!.address }], { value: sectors * price })
  }
  const claim = async (chunk: bigint) => {
    await rig.evm.setAccount(poraMine.address, { balance: 10n ** 18n })
    const result = await rig.must(rewardPool, 'claimMineReward', [chunk, miner!.address, minerId], {
      from: poraMine.address,
    })
    const [event] = eventsOf(rewardPool, result.logs)
    return event?.eventName === 'DistributeReward' ? event.args.amount : 0n
  }
  const state = async (chunk: bigint) => (await rig.must(rewardPool, 'rewards', [chunk])).value
  return { rig, submit, claim, state, miner: miner!.address, rewardPool }
}

async function balanceMatches(rig: Rig, chunks: bigint): Promise<void> {
  const { rewardPool } = rig.contracts
  let held = (await rig.must(rewardPool, 'totalBaseReward', [])).value
  for (let chunk = 0n; chunk < chunks; chunk++) {
    const [locked, claimable] = (await rig.must(rewardPool, 'rewards', [chunk])).value
    held += locked + claimable
  }
  for (const { address } of rig.accounts) held += (await rig.must(rewardPool, 'payments', [address])).value
  assert.equal(held, await rig.evm.balance(rewardPool.address))
}

describe('Reward pool', () => {
  it('pays nothing for a chunk that is not full, and half of what has been released afterwards', async () => {
    const { rig, submit, claim, state } = await openPool()
    await submit([2n], 'a')
    assert.equal(await claim(0n), 0n)
    assert.equal((await state(0n))[3], 0)
    await submit([4n], 'b')
    // the gap up to sector 16 and the file, which fills chunk 1 whole
    const [locked, , , startTime] = await state(1n)
    assert.ok(locked > 0n && startTime > 0)
    rig.evm.advance(10, 250)
    const quarter = (locked * 250n) / releaseSeconds
    const first = await claim(1n)
    assert.equal(first, quarter / 2n)
    assert.equal(await claim(1n), (quarter - quarter / 2n) / 2n)
    rig.evm.advance(10, 10_000)
    const [rest, claimable] = await state(1n)
    assert.equal(await claim(1n), (rest + claimable) / 2n)
    await balanceMatches(rig, 4n)
  })

  it('credits chunks that one file spans alike, at a cost that does not grow with them', async () => {
    const { rig, submit, claim, state } = await openPool()
    const small = await submit([5n], 'small')
    const large = await submit([20n], 'large')
    assert.ok(large.gasUsed < small.gasUsed + 400_000n, `${large.gasUsed}`)
    const index = Number(large.value[2] / 16n)
    const states = [0, 1, 40_000, 65_535].map((offset) => state(BigInt(index + offset)))
    for (const one of await Promise.all(states)) assert.deepEqual(one, await states[0])
    rig.evm.advance(1, 500)
    const paid = await claim(BigInt(index + 7))
    assert.ok(paid > 0n)
    assert.equal(await claim(BigInt(index + 8)), paid)
  })

  it('lengthens a renewed stream at its rate, so that nobody can thin another', async () => {
    const lifetime = { ...preset, storageLifetimeSeconds: 1000n }
    const rig = await createRig(lifetime)
    const { flow, rewardPool } = rig.contracts
    const [owner] = rig.accounts
    const data = { length: 64n * 256n, tags: '0x' as Hex, nodes: [{ root: keccak256('0x01'), height: 6n }] }
    const submission = { data, submitter: owner!.address }
    const { value } = await rig.must(flow, 'submit', [submission], { value: 64n * price })
    const chunk = value[2] / 16n
    const deadline = async () => (await rig.must(rewardPool, 'rewardDeadline', [chunk])).value
    const before = await deadline()
    rig.evm.advance(1, 400)
    await rig.must(flow, 'renew', [submission], { value: 64n * price })
    const after = await deadline()
    const share = (await rig.must(rewardPool, 'rewards', [chunk])).value[0]
    // the gap's share is the file's as well, so the first stream was a little thinner than the renewal
    assert.ok(after - before >= releaseSeconds && after - before < 2n * releaseSeconds, `${after - before}`)
    assert.ok(share > 16n * price)
    rig.evm.advance(1, 10_000)
    await rig.must(flow, 'renew', [submission], { value: 64n * price })
    assert.equal(await deadline(), rig.evm.block.timestamp + releaseSeconds)
  })

  it('pays base rewards from donations only, while the chunk is paid for', async () => {
    const { rig, submit, claim, rewardPool, miner } = await openPool()
    await submit([4n], 'a')
    await rig.must(rewardPool, 'setBaseReward', [700n])
    await rig.must(rewardPool, 'donate', [], { value: 1000n })
    const base = (await rig.must(rewardPool, 'totalBaseReward', [])).value
    assert.equal(await claim(1n), 700n)
    assert.equal(await claim(1n), base - 700n)
    assert.equal(await claim(1n), 0n)
    await rig.must(rewardPool, 'donate', [], { value: 1000n })
    assert.equal(await claim(9n), 0n)
    const before = await rig.evm.balance(miner)
    await rig.must(rewardPool, 'withdrawPayments', [miner], { from: rig.accounts[5]!.address })
    assert.equal((await rig.evm.balance(miner)) - before, base)
    assert.equal((await rig.must(rewardPool, 'payments', [miner])).value, 0n)
    await balanceMatches(rig, 4n)
  })

  it('lets only the mine claim, the market fill and the owner change', async () => {
    const { rig, rewardPool } = await openPool()
    const from = rig.accounts[3]!.address
    const claimed = await rig.send(rewardPool, 'claimMineReward', [0n, from, minerId], { from })
    assert.equal(!claimed.ok && claimed.error, 'CallerNotMine')
    const filled = await rig.send(rewardPool, 'fillReward', [0n, 1n], { from, value: 1n })
    assert.equal(!filled.ok && filled.error, 'CallerNotMarket')
    for (const name of ['setBaseReward', 'setServiceFeeRate'] as const) {
      const refused = await rig.send(rewardPool, name, [1n], { from })
      assert.equal(!refused.ok && refused.error, 'OwnableUnauthorizedAccount')
    }
    const again = await rig.send(rewardPool, 'setMine', [from])
    assert.equal(!again.ok && again.error, 'MineAlreadySet')
    const tooHigh = await rig.send(rewardPool, 'setServiceFeeRate', [10_001n])
    assert.equal(!tooHigh.ok && tooHigh.error, 'FeeRateTooHigh')
  })

  it('takes the service fee first, names the first chunk still paid for, and migrates only what nobody earned', async () => {
    const { rig, submit, claim, rewardPool, miner } = await openPool()
    const treasury = rig.accounts[7]!.address
    await rig.must(rewardPool, 'setServiceFeeRate', [2500n])
    await rig.must(rewardPool, 'setTreasury', [treasury])
    await submit([4n], 'a')
    const fees = (await rig.must(rewardPool, 'payments', [treasury])).value
    assert.ok(fees >= 4n * price - 2n && fees <= 4n * price, `${fees}`)
    assert.deepEqual((await rig.must(rewardPool, 'firstRewardableChunk', [])).value[0], 0n)
    rig.evm.advance(1, Number(releaseSeconds) + 1)
    assert.deepEqual((await rig.must(rewardPool, 'firstRewardableChunk', [])).value[0], 2n)
    const paid = await claim(1n)
    const heir: Hex = `0x${'77'.repeat(20)}`
    await rig.must(rewardPool, 'migrate', [heir])
    assert.equal(await rig.evm.balance(rewardPool.address), fees + paid)
    // nobody earns what is gone, so that those who earned before can fetch it
    assert.equal(await claim(1n), 0n)
    const donated = await rig.send(rewardPool, 'donate', [], { value: 1n })
    assert.equal(!donated.ok && donated.error, 'PoolMigrated')
    await assert.rejects(submit([4n], 'late'), /PoolMigrated/)
    await rig.must(rewardPool, 'withdrawPayments', [miner])
    await rig.must(rewardPool, 'withdrawPayments', [treasury])
    assert.equal(await rig.evm.balance(rewardPool.address), 0n)
  })
})
