import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Hex, parseEther } from 'viem'
import { licenceTerms } from '../scripts/auditRig.ts'
import { type CallResult, createRig, type Rig } from '../scripts/contractRig.ts'

const { priceWei, boundSeconds, noticeSeconds } = licenceTerms
const errorOf = (result: CallResult<unknown>) => (result.ok ? 'none' : result.error)

/** Buys licences for the first account after the owner and lends them to the second. */
async function stage(count = 3) {
  const rig = await createRig()
  const { alignmentLicence: licence, auditRounds: rounds } = rig.contracts
  const [, holder, operator, buyer] = rig.accounts.map(({ address }) => address) as [Hex, Hex, Hex, Hex]
  const ids: bigint[] = []
  for (let i = 0; i < count; i++) {
    ids.push((await rig.must(licence, 'buy', [holder], { from: buyer, value: priceWei })).value)
  }
  return { rig, licence, rounds, holder, operator, buyer, ids }
}

/** As the rounds pay: from their address. */
async function earn(rig: Rig, operator: Hex, value: bigint) {
  const from = rig.contracts.auditRounds.address
  await rig.evm.setAccount(from, { balance: parseEther('10') })
  return rig.must(rig.contracts.alignmentLicence, 'share', [operator], { from, value })
}

describe('Licences to audit', () => {
  it('cost what they cost, to the pool, and stay with their owner for a year', async () => {
    const { rig, licence, rounds, holder, operator, ids } = await stage()
    assert.equal((await rig.must(rounds, 'pool', [])).value, priceWei * 3n)
    assert.equal((await rig.must(licence, 'name', [])).value, 'Weightless Alignment Licence')
    assert.equal(errorOf(await rig.send(licence, 'buy', [holder], { from: holder })), 'WrongPrice')
    const move = () => rig.send(licence, 'transferFrom', [holder, operator, ids[0]!], { from: holder })
    rig.evm.advance(1, Number(boundSeconds) - 1)
    assert.equal(errorOf(await move()), 'BoundToOwner')
    rig.evm.advance(1, 1)
    assert.ok((await move()).ok)
    assert.equal((await rig.must(licence, 'ownerOf', [ids[0]!])).value, operator)
  })

  it('share what audits earn: commission to the operator, the rest by licence, to the wei', async () => {
    const { rig, licence, holder, operator, ids } = await stage()
    await rig.must(licence, 'setCommission', [1000], { from: operator })
    const lend = (most: bigint, from = holder) => rig.send(licence, 'delegate', [ids[0]!, operator, most], { from })
    assert.equal(errorOf(await lend(999n)), 'CommissionTooHigh')
    assert.equal(errorOf(await lend(1000n, operator)), 'CallerNotOwner')
    for (const id of ids) await rig.must(licence, 'delegate', [id, operator, 1000n], { from: holder })
    assert.equal((await rig.must(licence, 'licencesOf', [operator])).value, 3n)
    assert.equal(
      errorOf(await rig.send(licence, 'share', [operator], { from: operator, value: 1n })),
      'CallerNotRounds',
    )
    await earn(rig, operator, 1001n)
    // 100 commission; 901 among three: 300 each, 1 that does not divide
    assert.equal((await rig.must(licence, 'credits', [operator])).value, 101n)
    assert.equal((await rig.must(licence, 'earnedOf', [ids[0]!])).value, 300n)
    await rig.must(licence, 'delegate', [ids[0]!, rig.accounts[4]!.address, 0n], { from: holder })
    assert.equal((await rig.must(licence, 'credits', [holder])).value, 300n)
    await earn(rig, operator, 100n)
    await rig.must(licence, 'collect', [ids], { from: operator })
    assert.equal((await rig.must(licence, 'credits', [holder])).value, 300n + 2n * 300n + 2n * 45n)
    await rig.must(licence, 'withdrawCredit', [], { from: holder })
    await rig.must(licence, 'withdrawCredit', [], { from: operator })
    assert.equal(errorOf(await rig.send(licence, 'withdrawCredit', [], { from: operator })), 'NothingToWithdraw')
    assert.equal(await rig.evm.balance(licence.address), 0n)
  })

  it('announce a higher commission, and take a lower one at once', async () => {
    const { rig, licence, holder, operator, ids } = await stage(1)
    const commission = async () => (await rig.must(licence, 'commissionOf', [operator])).value
    await rig.must(licence, 'setCommission', [500], { from: operator })
    await rig.must(licence, 'delegate', [ids[0]!, operator, 500n], { from: holder })
    await rig.must(licence, 'setCommission', [2000], { from: operator })
    assert.equal(await commission(), 500n)
    // whoever lends now agrees to what is announced
    assert.equal(
      errorOf(await rig.send(licence, 'delegate', [ids[0]!, operator, 500n], { from: holder })),
      'CommissionTooHigh',
    )
    rig.evm.advance(1, Number(noticeSeconds))
    assert.equal(await commission(), 2000n)
    await rig.must(licence, 'setCommission', [100], { from: operator })
    assert.equal(await commission(), 100n)
    assert.equal(errorOf(await rig.send(licence, 'setCommission', [10_001], { from: operator })), 'CommissionTooHigh')
  })

  it('take the delegation off with the ownership, and what was earned before stays the seller’s', async () => {
    const { rig, licence, holder, operator, ids, buyer } = await stage(1)
    await rig.must(licence, 'delegate', [ids[0]!, operator, 0n], { from: holder })
    await earn(rig, operator, 700n)
    rig.evm.advance(1, Number(boundSeconds))
    await rig.must(licence, 'transferFrom', [holder, buyer, ids[0]!], { from: holder })
    assert.equal((await rig.must(licence, 'credits', [holder])).value, 700n)
    assert.equal((await rig.must(licence, 'licencesOf', [operator])).value, 0n)
  })
})
