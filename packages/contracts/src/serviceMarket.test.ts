import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Hex, keccak256, parseEther, toHex, zeroAddress, zeroHash } from 'viem'
import { createRig, eventsOf, type Rig } from '../scripts/contractRig.ts'
import { type Candidate, matchNeed, type Need } from './matchNeed.ts'

const region = (text: string): Hex => toHex(text, { size: 16 })
const anywhere = region('')
const root = keccak256(toHex('weights'))
const anything: Need = {
  serviceType: zeroHash,
  model: zeroHash,
  modelRoot: zeroHash,
  inputPriceMax: (1n << 256n) - 1n,
  outputPriceMax: (1n << 256n) - 1n,
  inputTokens: 0,
  outputTokens: 0,
  firstTokenMsMax: 0,
  tokensPerSecondMin: 0,
  concurrentSlotsMin: 0,
  measuredSince: 0n,
  region: anywhere,
  privacyMin: 0,
  checks: 0,
  auditedOnly: false,
  toleranceBps: 0,
  redundancy: 8,
}
const unmeasured = { tokensPerSecond: 0, concurrentSlots: 0, firstTokenMs: 0, measuredAt: 0n }

async function register(rig: Rig, index: number, service: { model?: string; price?: bigint; verifiability?: string }) {
  const { inferenceServing } = rig.contracts
  const from = rig.accounts[index]!.address
  const { model = 'm', price = 10n, verifiability = 'OpML' } = service
  const params = { serviceType: 'chatbot', url: 'http://x', model, verifiability, additionalInfo: '' }
  const isNew = !(await rig.must(inferenceServing, 'serviceExists', [from])).value
  const args = [{ ...params, inputPrice: price, outputPrice: price * 2n, teeSignerAddress: from }] as const
  await rig.must(inferenceServing, 'addOrUpdateService', args, { from, value: isNew ? parseEther('1') : 0n })
  return from
}

async function offer(rig: Rig, index: number, service: Parameters<typeof register>[2] = {}, own = unmeasured) {
  const from = await register(rig, index, service)
  await rig.must(rig.contracts.serviceMarket, 'declareOffer', [root, region('eu'), 1, own], { from })
  return from
}

const seed = keccak256(toHex('seed'))

/** What the contract answers, which has to be what the function computes from the contract's list. */
async function matched(rig: Rig, need: Partial<Need>, of: Hex = seed): Promise<readonly Hex[]> {
  const { serviceMarket } = rig.contracts
  const wanted = { ...anything, ...need }
  const { value } = await rig.must(serviceMarket, 'matchNeed', [wanted, of])
  const [candidates] = (await rig.must(serviceMarket, 'getCandidates', [0n, 100n])).value
  assert.deepEqual(matchNeed(candidates, wanted, of), value)
  return value
}

describe('Service market', () => {
  it('takes price, model and check from the registry, and follows its changes', async () => {
    const rig = await createRig()
    const { serviceMarket, inferenceServing } = rig.contracts
    const dear = await offer(rig, 2, { price: 30n })
    const cheap = await offer(rig, 3, { price: 20n })
    assert.deepEqual(await matched(rig, {}), [cheap, dear])
    assert.deepEqual(await matched(rig, { inputPriceMax: 25n }), [cheap])
    assert.deepEqual(await matched(rig, { outputPriceMax: 39n }), [])
    assert.deepEqual(await matched(rig, { model: keccak256(toHex('m')), redundancy: 0 }), [cheap])
    assert.deepEqual(await matched(rig, { model: keccak256(toHex('n')) }), [])
    await register(rig, 2, { price: 10n })
    assert.deepEqual(await matched(rig, {}), [dear, cheap])
    // another model under the same offer: the root is not its root
    await register(rig, 2, { model: 'n' })
    assert.deepEqual(await matched(rig, {}), [cheap])
    await rig.must(inferenceServing, 'removeService', [], { from: cheap })
    assert.deepEqual(await matched(rig, {}), [])
    await rig.must(serviceMarket, 'removeStaleOffer', [cheap], { from: rig.accounts[7]!.address })
    const early = await rig.send(serviceMarket, 'removeStaleOffer', [dear])
    assert.equal(!early.ok && early.error, 'ServiceStillOffered')
    await rig.must(serviceMarket, 'withdrawOffer', [], { from: dear })
    assert.equal((await rig.must(serviceMarket, 'getCandidates', [0n, 10n])).value[1], 0n)
  })

  it('believes re-execution only with a root, hardware only with an acknowledged key', async () => {
    const rig = await createRig()
    const { serviceMarket, inferenceServing } = rig.contracts
    const exact = await offer(rig, 2, { price: 1n })
    const plain = await register(rig, 3, { price: 2n })
    await rig.must(serviceMarket, 'declareOffer', [zeroHash, anywhere, 0, unmeasured], { from: plain })
    const hardware = await register(rig, 4, { price: 3n, verifiability: 'TeeML' })
    await rig.must(serviceMarket, 'declareOffer', [zeroHash, anywhere, 2, unmeasured], { from: hardware })
    assert.deepEqual(await matched(rig, { checks: 1 << 1 }), [exact])
    assert.deepEqual(await matched(rig, { checks: 1 << 2 }), [])
    assert.deepEqual(await matched(rig, { privacyMin: 2 }), [])
    assert.deepEqual(await matched(rig, { privacyMin: 1 }), [exact, hardware])
    await rig.must(inferenceServing, 'acknowledgeTEESignerByOwner', [hardware])
    assert.deepEqual(await matched(rig, { checks: 1 << 2, privacyMin: 2 }), [hardware])
    assert.deepEqual(await matched(rig, { checks: (1 << 0) | (1 << 1) }), [exact, plain])
  })

  it('asks for measured capacity, and for an auditor where the need does', async () => {
    const rig = await createRig()
    const { serviceMarket } = rig.contracts
    const now = rig.evm.block.timestamp
    const auditor = rig.accounts[6]!.address
    const own = { tokensPerSecond: 500, concurrentSlots: 8, firstTokenMs: 100, measuredAt: now }
    const boaster = await offer(rig, 2, { price: 1n }, own)
    const silent = await offer(rig, 3, { price: 2n })
    assert.deepEqual(await matched(rig, {}), [boaster, silent])
    const wanted = { firstTokenMsMax: 200, tokensPerSecondMin: 100, concurrentSlotsMin: 2, measuredSince: now }
    assert.deepEqual(await matched(rig, wanted), [boaster])
    assert.deepEqual(await matched(rig, { measuredSince: now + 1n }), [])
    assert.deepEqual(await matched(rig, { auditedOnly: true }), [])
    const found = { ...own, tokensPerSecond: 50 }
    const refused = await rig.send(serviceMarket, 'auditCapacity', [boaster, found], { from: auditor })
    assert.equal(!refused.ok && refused.error, 'CallerNotAuditor')
    await rig.must(serviceMarket, 'setAuditor', [auditor, true])
    const { logs } = await rig.must(serviceMarket, 'auditCapacity', [boaster, found], { from: auditor })
    assert.equal(eventsOf(serviceMarket, logs)[0]!.eventName, 'CapacityAudited')
    assert.deepEqual(await matched(rig, { auditedOnly: true }), [boaster])
    // what the auditor found stands before what the provider says
    assert.deepEqual(await matched(rig, wanted), [])
    await rig.must(serviceMarket, 'setAuditor', [auditor, false])
    assert.deepEqual(await matched(rig, { auditedOnly: true }), [])
    await rig.must(serviceMarket, 'setAuditor', [auditor, true])
    const other = keccak256(toHex('other'))
    await rig.must(serviceMarket, 'declareOffer', [other, anywhere, 0, own], { from: boaster })
    assert.deepEqual(await matched(rig, { auditedOnly: true }), [])
  })

  it('finds nobody by an offer whose lease is over, until it is renewed', async () => {
    const rig = await createRig()
    const { serviceMarket } = rig.contracts
    const gone = await offer(rig, 2, { price: 1n })
    const alive = await offer(rig, 3, { price: 2n })
    const lease = Number((await rig.must(serviceMarket, 'LEASE_SECONDS', [])).value)
    rig.evm.advance(1, lease - 60)
    const early = await rig.send(serviceMarket, 'removeStaleOffer', [gone])
    assert.equal(!early.ok && early.error, 'ServiceStillOffered')
    assert.deepEqual(await matched(rig, {}), [gone, alive])
    const { logs } = await rig.must(serviceMarket, 'renewOffer', [], { from: alive })
    assert.equal(eventsOf(serviceMarket, logs)[0]!.eventName, 'OfferRenewed')
    rig.evm.advance(1, 61)
    assert.deepEqual(await matched(rig, {}), [alive])
    // Nobody has cleared it away, so whoever comes back only says so.
    await rig.must(serviceMarket, 'renewOffer', [], { from: gone })
    assert.deepEqual(await matched(rig, {}), [gone, alive])
    rig.evm.advance(1, lease)
    assert.deepEqual(await matched(rig, {}), [])
    await rig.must(serviceMarket, 'removeStaleOffer', [gone], { from: rig.accounts[7]!.address })
    const late = await rig.send(serviceMarket, 'renewOffer', [], { from: gone })
    assert.equal(!late.ok && late.error, 'NoOffer')
    await rig.must(serviceMarket, 'declareOffer', [root, region('eu'), 1, unmeasured], { from: gone })
    assert.deepEqual(await matched(rig, {}), [gone])
  })

  it('refuses what is no offer, no measurement, or not for the caller', async () => {
    const rig = await createRig()
    const { serviceMarket } = rig.contracts
    const [, stranger] = rig.accounts
    const from = stranger!.address
    const errorOf = async (sent: Promise<{ ok: boolean; error?: string }>) => (await sent).error
    const declare = (privacy: number, own: typeof unmeasured, by = from) =>
      errorOf(rig.send(serviceMarket, 'declareOffer', [root, anywhere, privacy, own], { from: by }))
    assert.equal(await declare(0, unmeasured), 'NoService')
    const provider = await register(rig, 2, {})
    assert.equal(await declare(3, unmeasured, provider), 'InvalidPrivacy')
    const soon = { ...unmeasured, concurrentSlots: 1, measuredAt: rig.evm.block.timestamp + 60n }
    assert.equal(await declare(0, soon, provider), 'InvalidMeasurement')
    assert.equal(await declare(0, { ...soon, measuredAt: 0n }, provider), 'InvalidMeasurement')
    assert.equal(await errorOf(rig.send(serviceMarket, 'withdrawOffer', [], { from: provider })), 'NoOffer')
    assert.equal(await errorOf(rig.send(serviceMarket, 'getOffer', [provider])), 'NoOffer')
    assert.equal(await errorOf(rig.send(serviceMarket, 'getCandidates', [0n, 101n])), 'LimitTooLarge')
    assert.match((await errorOf(rig.send(serviceMarket, 'setAuditor', [from, true], { from })))!, /not the owner/)
    assert.match((await errorOf(rig.send(serviceMarket, 'setStakes', [from], { from })))!, /not the owner/)
    assert.equal(await errorOf(rig.send(serviceMarket, 'setStakes', [zeroAddress])), 'InvalidAddress')
  })

  it('draws among equals by stake, and lets nobody starve', async () => {
    const rig = await createRig()
    const staked = await offer(rig, 2, { price: 100n })
    const bare = await offer(rig, 3, { price: 101n })
    await rig.must(rig.contracts.priorityStake, 'lock', [], { from: staked, value: parseEther('2') })
    assert.deepEqual(await matched(rig, { redundancy: 1 }), [staked])
    const wins = { [staked]: 0, [bare]: 0 }
    const [candidates] = (await rig.must(rig.contracts.serviceMarket, 'getCandidates', [0n, 10n])).value
    for (let index = 0; index < 4000; index++) {
      const need = { ...anything, toleranceBps: 100, redundancy: 1 }
      const [first] = matchNeed(candidates, need, keccak256(toHex(index)))
      wins[first!]!++
    }
    // three parts to one: 2 + 1 against 0 + 1; four standard deviations are 110
    assert.ok(Math.abs(wins[staked]! - 3000) < 110, `${wins[staked]} of 4000`)
  })
})

const uint = (bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n })
const few = (values: number, size: number) =>
  fc.integer({ min: 0, max: values }).map((value) => toHex(value, { size })) as fc.Arbitrary<Hex>
const price = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(10n, 10n, 11n, 20n) },
  { weight: 1, arbitrary: uint(256) },
)
const candidate: fc.Arbitrary<Candidate> = fc.record({
  provider: uint(160).map((value) => toHex(value, { size: 20 })),
  serviceType: few(1, 32),
  model: few(2, 32),
  modelRoot: few(2, 32),
  inputPrice: price,
  outputPrice: price,
  region: few(2, 16),
  privacy: fc.integer({ min: 0, max: 2 }),
  check: fc.oneof(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 255 })),
  isAudited: fc.boolean(),
  tokensPerSecond: fc.integer({ min: 0, max: 100 }),
  concurrentSlots: fc.integer({ min: 0, max: 4 }),
  firstTokenMs: fc.integer({ min: 0, max: 400 }),
  measuredAt: fc.bigInt({ min: 0n, max: 3n }),
  stake: fc.oneof(fc.constant(0n), uint(70), uint(256)),
  isCurrent: fc.integer({ min: 0, max: 9 }).map((value) => value > 0),
})
const zeroOr = <Value>(zero: Value, other: fc.Arbitrary<Value>) =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(zero) }, { weight: 1, arbitrary: other })
const need: fc.Arbitrary<Need> = fc.record({
  serviceType: zeroOr(zeroHash as Hex, few(1, 32)),
  model: zeroOr(zeroHash as Hex, few(2, 32)),
  modelRoot: zeroOr(zeroHash as Hex, few(2, 32)),
  inputPriceMax: fc.constantFrom(20n, 20n, (1n << 256n) - 1n),
  outputPriceMax: fc.constantFrom(20n, 11n, (1n << 256n) - 1n),
  inputTokens: zeroOr(0, fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  outputTokens: zeroOr(0, fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  firstTokenMsMax: zeroOr(0, fc.integer({ min: 0, max: 400 })),
  tokensPerSecondMin: zeroOr(0, fc.integer({ min: 0, max: 100 })),
  concurrentSlotsMin: zeroOr(0, fc.integer({ min: 0, max: 4 })),
  measuredSince: zeroOr(0n, fc.bigInt({ min: 0n, max: 3n })),
  region: zeroOr(anywhere, few(2, 16)),
  privacyMin: zeroOr(0, fc.integer({ min: 0, max: 2 })),
  checks: zeroOr(0, fc.integer({ min: 0, max: 255 })),
  auditedOnly: zeroOr(false, fc.boolean()),
  toleranceBps: fc.constantFrom(0, 0, 500, 10_000, 65_535),
  redundancy: fc.integer({ min: 0, max: 6 }),
})

describe('Match rule', () => {
  it('is one and the same on the chain and off it, over random registries', async () => {
    const rig = await createRig()
    let matches = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(candidate, { maxLength: 16, size: 'max' }),
        need,
        uint(256).map((value) => toHex(value, { size: 32 })),
        async (list, wanted, of) => {
          const { value } = await rig.must(rig.contracts.serviceMarket, 'choose', [list, wanted, of])
          const lower = value.map((address) => address.toLowerCase())
          assert.deepEqual(matchNeed(list, wanted, of), lower)
          matches += lower.length
        },
      ),
      { numRuns: 200 },
    )
    assert.ok(matches > 150, `only ${matches} matches: the property saw next to nothing`)
  })

  it('gives a requester a seed of its own at each block and match', async () => {
    const rig = await createRig()
    const [one, two] = [rig.accounts[1]!.address, rig.accounts[2]!.address]
    const seedOf = async (requester: Hex, count: bigint) =>
      (await rig.must(rig.contracts.serviceMarket, 'seedOf', [root, requester, count])).value
    const seeds = [await seedOf(one, 0n), await seedOf(one, 1n), await seedOf(two, 0n)]
    assert.equal(new Set(seeds).size, 3)
  })
})
