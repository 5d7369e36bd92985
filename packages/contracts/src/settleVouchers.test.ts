import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { concat, type Hex, keccak256, parseEther, slice, toHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { eventsOf } from '../scripts/contractRig.ts'
import { createSettlementRig, type SettlementRig, type Voucher, word } from '../scripts/settlementRig.ts'
import { voucherStatus as status } from './settlementStatus.ts'
import { decodeVoucherOutcomes, encodeVoucherBatch, fitsVoucherBatch } from './voucherBatch.ts'

const fundedWei = parseEther('0.01')

async function withUsers() {
  const stage = await createSettlementRig()
  const [, alice, bob, carol] = stage.rig.accounts
  for (const user of [alice!, bob!]) await stage.fund(user.address, fundedWei)
  return { ...stage, alice: alice!, bob: bob!, carol: carol! }
}

/** As the rig's, but `value` has the statuses alone. */
async function settle(stage: SettlementRig, items: readonly (readonly [Voucher, Hex])[]) {
  const { value, ...sent } = await stage.settle(items)
  return { ...sent, outcomes: value, value: value.map((outcome) => outcome.status) }
}

describe('settleVouchers', () => {
  it('pays each step of the cumulative fee once, and only to the provider', async () => {
    const stage = await withUsers()
    const { alice, bob, provider, rig } = stage
    const before = await rig.evm.balance(provider.address)
    const first = stage.voucher(alice.address, 100n, 1n)
    const other = stage.voucher(bob.address, 40n, 9n)
    const items = [
      [first, await stage.signVoucher(alice, first)] as const,
      [other, await stage.signVoucher(bob, other)] as const,
    ]
    const { outcomes, logs } = await settle(stage, items)
    assert.deepEqual(outcomes, [
      { user: alice.address.toLowerCase(), paid: 100n, jobNonce: 1n, status: status.paid },
      { user: bob.address.toLowerCase(), paid: 40n, jobNonce: 9n, status: status.paid },
    ])
    const [event, ...more] = eventsOf(stage.settlement, logs)
    assert.ok(event?.eventName === 'VouchersSettled' && more.length === 0)
    assert.deepEqual([event.args.provider, event.args.paid], [provider.address, 140n])
    assert.equal(event.args.receiptsRoot, keccak256(concat([first.receiptsRoot, other.receiptsRoot])))
    assert.deepEqual(decodeVoucherOutcomes(event.args.outcomes), outcomes)
    const second = stage.voucher(alice.address, 250n, 4n)
    await settle(stage, [[second, await stage.signVoucher(alice, second)]])
    assert.equal((await rig.evm.balance(provider.address)) - before, 290n)
    assert.equal(await stage.balance(alice.address), fundedWei - 250n)
    assert.deepEqual(await stage.pair(alice.address), { paid: 250n, owed: 250n, jobNonce: 4n, openClaims: 0 })
    const ledger = (await rig.must(rig.contracts.ledgerManager, 'getLedger', [alice.address])).value
    assert.equal(ledger.totalBalance, parseEther('1') + fundedWei - 250n)
  })

  it('takes two vouchers of one user in a batch as one after the other', async () => {
    const stage = await withUsers()
    const { alice, provider, rig } = stage
    const before = await rig.evm.balance(provider.address)
    const vouchers = [stage.voucher(alice.address, 100n, 1n), stage.voucher(alice.address, 130n, 2n)]
    const items = await Promise.all(vouchers.map(async (one) => [one, await stage.signVoucher(alice, one)] as const))
    const { value } = await settle(stage, [...items, ...items])
    assert.deepEqual(value, [status.paid, status.paid, status.stale, status.stale])
    assert.equal((await rig.evm.balance(provider.address)) - before, 130n)
  })

  it('refuses each bad voucher by its status, and none blocks the good one', async () => {
    const stage = await withUsers()
    const { alice, bob, carol } = stage
    const settled = stage.voucher(bob.address, 50n, 5n)
    const settledSignature = await stage.signVoucher(bob, settled)
    await settle(stage, [[settled, settledSignature]])
    const good = stage.voucher(alice.address, 100n, 1n)
    const goodSignature = await stage.signVoucher(alice, good)
    const signed = async (voucher: Voucher) => [voucher, await stage.signVoucher(bob, voucher)] as const
    const items: (readonly [Voucher, Hex])[] = [
      [settled, settledSignature],
      await signed(stage.voucher(bob.address, 49n, 6n)),
      await signed(stage.voucher(bob.address, 60n, 5n)),
      await signed({ ...stage.voucher(bob.address, 60n, 6n), provider: carol.address }),
      [good, await stage.signVoucher(alice, good, { chainId: 1 })],
      [good, await stage.signVoucher(alice, good, { verifyingContract: carol.address })],
      [good, await stage.signVoucher(carol, good)],
      [{ ...good, cumulativeFee: 101n }, goodSignature],
      [{ ...good, jobNonce: 2n }, goodSignature],
      [{ ...good, receiptsRoot: word('00') }, goodSignature],
      [{ ...good, user: bob.address, cumulativeFee: 900n, jobNonce: 9n }, goodSignature],
      [good, '0x'],
      [good, `${goodSignature.slice(0, -2)}00` as Hex],
      [good, toCompact(goodSignature, 1n)],
      [good, toCompact(goodSignature)],
      [good, goodSignature],
    ]
    const { value } = await settle(stage, items)
    assert.deepEqual(value, [2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 0])
    assert.equal(await stage.balance(bob.address), fundedWei - 50n)
    assert.equal(await stage.balance(alice.address), fundedWei - 100n)
  })
})

describe('settleVouchers and the balance', () => {
  it('gives a stranger nothing for a copied voucher', async () => {
    const stage = await withUsers()
    const voucher = stage.voucher(stage.alice.address, 100n, 1n)
    const signature = await stage.signVoucher(stage.alice, voucher)
    const { value } = await stage.settle([[voucher, signature]], stage.carol.address)
    assert.deepEqual([value[0]!.status, value[0]!.paid], [status.invalidSignature, 0n])
  })

  it('never takes more than the balance, remembers the rest and collects it later', async () => {
    const stage = await withUsers()
    const { alice, carol, provider, rig, settlement } = stage
    const fee = fundedWei + 500n
    const voucher = stage.voucher(alice.address, fee, 1n)
    const poor = stage.voucher(carol.address, 10n, 1n)
    const { value } = await settle(stage, [
      [voucher, await stage.signVoucher(alice, voucher)],
      [poor, await stage.signVoucher(carol, poor)],
    ])
    assert.deepEqual(value, [status.partial, status.partial])
    assert.equal((await rig.must(settlement, 'unpaid', [alice.address, provider.address])).value, 500n)
    await stage.fund(alice.address, 300n * 10n ** 12n)
    const before = await rig.evm.balance(provider.address)
    await rig.must(settlement, 'collectUnpaid', [[alice.address, carol.address]], { from: provider.address })
    assert.equal((await rig.evm.balance(provider.address)) - before, 500n)
    assert.equal((await rig.must(settlement, 'unpaid', [alice.address, provider.address])).value, 0n)
    assert.equal((await rig.must(settlement, 'unpaid', [carol.address, provider.address])).value, 10n)
    const next = stage.voucher(alice.address, fee + 7n, 2n)
    await settle(stage, [[next, await stage.signVoucher(alice, next)]])
    assert.equal((await rig.evm.balance(provider.address)) - before, 507n)
  })

  it('pays an older remainder with the next voucher', async () => {
    const stage = await withUsers()
    const { alice, provider, rig } = stage
    const voucher = stage.voucher(alice.address, fundedWei + 500n, 1n)
    await settle(stage, [[voucher, await stage.signVoucher(alice, voucher)]])
    await stage.fund(alice.address, 300n * 10n ** 12n)
    const before = await rig.evm.balance(provider.address)
    const next = stage.voucher(alice.address, fundedWei + 600n, 2n)
    await settle(stage, [[next, await stage.signVoucher(alice, next)]])
    assert.equal((await rig.evm.balance(provider.address)) - before, 600n)
  })

  it('reaches money that the user is just withdrawing', async () => {
    const stage = await withUsers()
    const { alice, provider, rig } = stage
    await rig.must(rig.contracts.ledgerManager, 'retrieveFund', [[provider.address], 'inference-v1.0'], {
      from: alice.address,
    })
    const voucher = stage.voucher(alice.address, 100n, 1n)
    assert.deepEqual((await settle(stage, [[voucher, await stage.signVoucher(alice, voucher)]])).value, [status.paid])
  })
})

describe('settleVouchers signed by other keys', () => {
  it('accepts a session key until its end and for a while after its revocation', async () => {
    const stage = await withUsers()
    const { alice, bob, rig, settlement } = stage
    const key = privateKeyToAccount(word('42'))
    const now = rig.evm.block.timestamp
    const step = async (fee: bigint) => {
      const voucher = stage.voucher(alice.address, fee, fee)
      return (await settle(stage, [[voucher, await stage.signVoucher(key, voucher)]])).value[0]
    }
    assert.equal(await step(1n), status.invalidSignature)
    await rig.must(settlement, 'registerSessionKey', [key.address, now + 100_000n], { from: bob.address })
    assert.equal(await step(1n), status.invalidSignature)
    await rig.must(settlement, 'registerSessionKey', [key.address, now + 100_000n], { from: alice.address })
    assert.equal(await step(2n), status.paid)
    const shorter = await rig.send(settlement, 'registerSessionKey', [key.address, now + 10n], { from: alice.address })
    assert.equal(!shorter.ok && shorter.error, 'SessionKeyNotExtended')
    await rig.must(settlement, 'revokeSessionKey', [key.address], { from: alice.address })
    rig.evm.advance(1, 3600)
    assert.equal(await step(3n), status.paid)
    rig.evm.advance(1, 1)
    assert.equal(await step(4n), status.invalidSignature)
    const again = await rig.send(settlement, 'revokeSessionKey', [key.address], { from: alice.address })
    assert.equal(!again.ok && again.error, 'SessionKeyUnknown')
  })

  it('accepts a wallet contract, and a hostile one burns only its allowance', async () => {
    const stage = await withUsers()
    const { alice, rig } = stage
    const wallet = (index: number): Hex => `0x${(0xc0de00 + index).toString(16).padStart(40, '0')}`
    const magic = '1626ba7e'.padEnd(64, '0')
    const codes: Hex[] = [
      `0x7f${magic}5f5260205ff3`,
      '0x5b5f56', // loops for ever
      '0x620fffff5ff3', // answers a megabyte of zeros
      '0xfe', // burns all its gas
      '0x5f5ff3', // answers nothing
      `0x7f${'1626ba7f'.padEnd(64, '0')}5f5260205ff3`,
    ]
    const items: (readonly [Voucher, Hex])[] = []
    for (const [index, code] of codes.entries()) {
      await rig.evm.setAccount(wallet(index), { balance: parseEther('10'), code })
      await stage.fund(wallet(index), fundedWei)
      items.push([stage.voucher(wallet(index), 10n, 1n), '0x1234'])
    }
    const good = stage.voucher(alice.address, 100n, 1n)
    items.push([good, await stage.signVoucher(alice, good)])
    const { value, gasUsed } = await settle(stage, items)
    assert.deepEqual(value, [0, 3, 3, 3, 3, 3, 0])
    assert.ok(gasUsed < 1_000_000n, `used ${gasUsed}`)
  })
})

describe('settleVouchers bounds', () => {
  it('refuses a batch that is cut anywhere, and one beyond its limit', async () => {
    const stage = await withUsers()
    const voucher = stage.voucher(stage.alice.address, 1n, 1n)
    const whole = encodeVoucherBatch([[voucher, await stage.signVoucher(stage.alice, voucher)]])
    const from = stage.provider.address
    for (const bytes of [1, 72, 73, 136]) {
      const cut = await stage.rig.send(stage.settlement, 'settleVouchers', [slice(whole, 0, bytes)], { from })
      assert.equal(!cut.ok && cut.error, 'BatchMalformed')
    }
    const long = encodeVoucherBatch(Array.from({ length: 201 }, () => [voucher, '0x'] as const))
    const refused = await stage.rig.send(stage.settlement, 'settleVouchers', [long])
    assert.equal(!refused.ok && refused.error, 'BatchSizeTooLarge')
    const empty = await stage.rig.must(stage.settlement, 'settleVouchers', ['0x'], { from })
    assert.equal(empty.value, '0x')
  })

  it('encodes nothing that does not fit, and keeps a wallet signature as it is', () => {
    const voucher = { user: word('11').slice(0, 42) as Hex, cumulativeFee: 1n, jobNonce: 2n, receiptsRoot: word('22') }
    for (const change of [{ cumulativeFee: 1n << 96n }, { jobNonce: 1n << 56n }, { cumulativeFee: -1n }]) {
      assert.equal(fitsVoucherBatch({ ...voucher, ...change }), false)
      assert.throws(() => encodeVoucherBatch([[{ ...voucher, ...change }, '0x']]), RangeError)
    }
    assert.throws(() => encodeVoucherBatch([[voucher, `0x${'00'.repeat(0x8000)}`]]), RangeError)
    assert.equal(encodeVoucherBatch([[voucher, '0xabcd']]).slice(-72), `0002${'22'.repeat(32)}abcd`)
    assert.throws(() => decodeVoucherOutcomes('0x00'), RangeError)
  })
})

/** EIP-2098 by hand, with the parity as it is or flipped: as bytes of a wallet it means nothing. */
function toCompact(signature: Hex, flip = 0n): Hex {
  const parity = BigInt(slice(signature, 64)) - 27n
  return concat([
    slice(signature, 0, 32),
    toHex(BigInt(slice(signature, 32, 64)) | ((parity ^ flip) << 255n), { size: 32 }),
  ])
}
