import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { expectReward, type MinerPlan, type NetworkState } from './expectReward.ts'

const TiB = 2 ** 40
const plan: MinerPlan = {
  diskBytes: TiB,
  readBytesPerSecond: 200e6,
  hashedRecallsPerSecond: 1_500,
  costWeiPerDay: 10n ** 15n,
}
const network: NetworkState = {
  flowBytes: 8 * TiB,
  paidBytes: 8 * TiB,
  pricePerSectorWei: 30_733_644_962n,
  releaseSeconds: 12 * 31 * 86_400,
  otherRecallsPerSecond: 1_000,
  answersPerEpoch: 100,
  secondsPerEpoch: 1_500,
  baseRewardWei: 0n,
  gasPerAnswer: 330_000,
  gasPriceWei: 10n ** 9n,
}

const rate = fc.double({ min: 0, max: 1e12, noNaN: true })
const size = fc.double({ min: 1, max: 1e16, noNaN: true })
const wei = fc.bigInt(0n, 10n ** 20n)
const plans = fc.record({ diskBytes: size, readBytesPerSecond: rate, hashedRecallsPerSecond: rate, costWeiPerDay: wei })
const networks = fc.record({
  ...{ flowBytes: size, paidBytes: size, pricePerSectorWei: fc.bigInt(0n, 10n ** 15n) },
  releaseSeconds: fc.integer({ min: 1, max: 1e9 }),
  ...{ otherRecallsPerSecond: rate, answersPerEpoch: fc.integer({ min: 0, max: 10_000 }) },
  secondsPerEpoch: fc.integer({ min: 1, max: 1e6 }),
  ...{ baseRewardWei: wei, gasPerAnswer: fc.integer({ min: 0, max: 1e7 }), gasPriceWei: fc.bigInt(0n, 10n ** 12n) },
})

test('one TiB beside 1,000 others’ recalls: by hand', () => {
  const expected = expectReward(plan, network)
  const recalls = 200e6 / 262_144
  assert.equal(expected.limitedBy, 'reading')
  assert.ok(Math.abs(expected.recallsPerSecond - recalls) < 1e-9)
  const share = recalls / 8 / (recalls / 8 + 1_000)
  assert.ok(Math.abs(expected.share - share) < 1e-12)
  assert.ok(Math.abs(expected.answersPerDay - share * 5_760) < 1e-6)
  const released = ((8 * TiB) / 256) * 30_733_644_962 * (86_400 / network.releaseSeconds)
  assert.ok(Math.abs(Number(expected.rewardWeiPerDay) / (released * share) - 1) < 1e-9)
  assert.equal(expected.netWeiPerDay, expected.rewardWeiPerDay - expected.gasWeiPerDay - plan.costWeiPerDay)
})

test('more disk, more reading, fewer others never earn less; nobody earns more than is paid out', () => {
  fc.assert(
    fc.property(plans, networks, fc.double({ min: 1, max: 10, noNaN: true }), (own, state, factor) => {
      const base = expectReward(own, state)
      const more = [
        expectReward({ ...own, diskBytes: own.diskBytes * factor }, state),
        expectReward({ ...own, readBytesPerSecond: own.readBytesPerSecond * factor }, state),
        expectReward(own, { ...state, otherRecallsPerSecond: state.otherRecallsPerSecond / factor }),
      ]
      for (const other of more) {
        assert.ok(other.share >= base.share - 1e-12)
        assert.ok(other.rewardWeiPerDay >= base.rewardWeiPerDay - base.rewardWeiPerDay / 10n ** 9n - 1n)
      }
      assert.ok(base.share >= 0 && base.share <= 1)
      const alone = expectReward(
        { ...own, diskBytes: state.flowBytes, readBytesPerSecond: 1e12, hashedRecallsPerSecond: 1e6 },
        { ...state, otherRecallsPerSecond: 0 },
      )
      assert.equal(alone.share, 1)
      assert.ok(base.rewardWeiPerDay <= alone.rewardWeiPerDay + 1n)
    }),
  )
})

test('at the break-even price nothing is lost, and somewhat below it something is', () => {
  fc.assert(
    fc.property(plans, networks, (own, state) => {
      const { breakEvenPricePerSectorWei: price } = expectReward(own, state)
      if (price === undefined) return
      assert.ok(expectReward(own, { ...state, pricePerSectorWei: price }).netWeiPerDay >= -1n)
      if (price < 1_000n) return
      const below = expectReward(own, { ...state, pricePerSectorWei: (price * 9n) / 10n })
      assert.ok(below.netWeiPerDay <= 0n)
    }),
  )
})

test('numbers that mean nothing are refused', () => {
  for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => expectReward({ ...plan, diskBytes: wrong }, network), { code: 'storage/miner-plan-invalid' })
  }
  for (const name of ['flowBytes', 'releaseSeconds', 'secondsPerEpoch'] as const) {
    assert.throws(() => expectReward(plan, { ...network, [name]: 0 }), { code: 'storage/miner-plan-invalid' })
  }
  assert.throws(() => expectReward(plan, { ...network, pricePerSectorWei: -1n }), {
    code: 'storage/miner-plan-invalid',
  })
  const idle = expectReward({ ...plan, readBytesPerSecond: 0 }, { ...network, otherRecallsPerSecond: 0 })
  assert.deepEqual([idle.share, idle.rewardWeiPerDay, idle.breakEvenPricePerSectorWei], [0, 0n, undefined])
})
