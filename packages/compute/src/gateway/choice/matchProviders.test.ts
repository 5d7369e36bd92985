/** The gateway's order is the rule's; what it knows itself passes over and says so; the strictest of several needs counts. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Hex } from '@weightless/codec'
import { type Candidate, matchNeed, matchSeed } from '@weightless/contracts/matchNeed'
import { hashOfName } from '@weightless/contracts/readNeed'
import fc from 'fast-check'
import { type NeedWish, needOf, needSchema, strictestOf } from '../../wire/marketNeed.ts'
import { matchHeader, readMatchHeader } from '../../wire/matchStatement.ts'
import { createProviderHealth } from '../health/providerHealth.ts'
import type { ListedProvider } from '../providerDirectory.ts'
import { openMatch } from './matchProviders.ts'
import { readPreferences } from './preferences.ts'

const zero: Hex = `0x${'00'.repeat(32)}`
const blockHash: Hex = `0x${'ab'.repeat(32)}`
const [market, requester] = [`0x${'11'.repeat(20)}`, `0x${'22'.repeat(20)}`] as [Hex, Hex]
const addressOf = (index: number): Hex => `0x${index.toString(16).padStart(40, '0')}`

const candidate = (index: number): Candidate => ({
  ...{ provider: addressOf(index), serviceType: zero, model: hashOfName('m'), modelRoot: zero },
  ...{ inputPrice: BigInt(index), outputPrice: BigInt(index), region: `0x${'00'.repeat(16)}`, privacy: 1, check: 1 },
  ...{ isAudited: false, tokensPerSecond: 10, concurrentSlots: 2, firstTokenMs: 100, measuredAt: 1n },
  ...{ stake: 0n, isCurrent: true },
})

const listed = (index: number): ListedProvider => ({
  ...{ address: addressOf(index), url: 'http://127.0.0.1', model: 'm', verifiability: 'OpML', services: ['chat'] },
  price: { model: 'm', inputWeiPerToken: BigInt(index), outputWeiPerToken: BigInt(index), updatedAt: 1n },
  ...{ modelRoot: undefined, programId: undefined, tokenizerRoot: undefined, region: undefined },
  ...{ encryptionKey: undefined, contextLength: 100, registeredSeconds: 0 },
})

const clock = { nowMs: () => 1_000_000, monotonicMs: () => 1_000_000, sleep: async () => undefined }
const candidates = [5, 1, 3, 2, 4].map(candidate)
const able = [1, 2, 3, 4, 5].map(listed)

function matchOf(
  wish: NeedWish,
  options: { said?: unknown; count?: number; health?: ReturnType<typeof createProviderHealth> } = {},
) {
  const { said = { need: {} }, count = 0, health = createProviderHealth(clock) } = options
  const preferences = readPreferences({}, said)
  assert.ok(preferences.ok)
  const draw = {
    state: { blockNumber: 7n, blockHash, candidates },
    seed: matchSeed(blockHash, requester, count),
    count,
  }
  const match = openMatch(wish, { market, requester, draw }, preferences.value, [], health)
  const order = match.order('m', able).map(({ address }) => address)
  const read = readMatchHeader(match.headers()[matchHeader]!)
  assert.ok(read.ok)
  return { order, statement: read.value }
}

describe('a match at the gateway', () => {
  test('the order is the rule’s, and the header alone is enough to make it again', () => {
    const wish = {
      max_price: { prompt: '4' },
      tolerance_bps: 65_535,
      max_first_token_ms: 100,
      checks: ['reexecution' as const],
    }
    const orders = new Set<string>()
    for (let count = 0; count < 12; count++) {
      const { order, statement } = matchOf(wish, { count })
      const seed = matchSeed(statement.blockHash, statement.requester, statement.count)
      const again = matchNeed(candidates, { ...statement.need, model: statement.models[0]! }, seed)
      assert.deepEqual(order, again)
      assert.ok(order.length === 4 && !order.includes(addressOf(5)))
      orders.add(order.join())
    }
    assert.ok(orders.size > 1, 'each match is a draw of its own')
    assert.deepEqual(matchOf({ redundancy: 2 }).order, [addressOf(1), addressOf(2)])
    assert.deepEqual(matchOf({ max_first_token_ms: 99 }).order, [])
  })

  test('health passes over, and each one passed over is named with its reason', () => {
    const health = createProviderHealth(clock)
    health.distrust(addressOf(1))
    for (let i = 0; i < 3; i++) health.failed(addressOf(2))
    health.answered(addressOf(3), 900)
    const { order, statement } = matchOf(
      { max_first_token_ms: 500 },
      { health, said: { need: {}, ignore: [addressOf(4)] } },
    )
    // The broken one is asked before giving up.
    assert.deepEqual(order, [addressOf(5), addressOf(2)])
    assert.deepEqual(
      statement.skipped.map(({ provider, why }) => [Number(provider), why]),
      [
        [1, 'distrusted'],
        [2, 'breaker-open'],
        [3, 'too-slow'],
        [4, 'not-allowed'],
      ],
    )
  })

  test('the strictest of several needs counts, in whatever order they come', () => {
    const wish: fc.Arbitrary<NeedWish> = fc.record(
      {
        max_price: fc.record({ prompt: fc.nat(5).map(String) }, { requiredKeys: [] }),
        max_first_token_ms: fc.constantFrom(50, 100, 200),
        min_slots: fc.nat(3),
        privacy: fc.constantFrom('plain', 'sealed', 'hardware'),
        checks: fc.subarray(['signature', 'reexecution', 'hardware'], { minLength: 1 }),
        region: fc.constantFrom('here', 'there'),
      },
      { requiredKeys: [] },
    )
    const fits = (one: NeedWish) => matchNeed(candidates, needOf(one, 'm'), blockHash)
    fc.assert(
      fc.property(fc.array(wish, { maxLength: 3 }), (wishes) => {
        const all = strictestOf(wishes)
        const inAll = candidates
          .map(({ provider }) => provider)
          .filter((provider) => wishes.every((one) => fits(one).includes(provider)))
        const found = all ? fits(all) : []
        assert.deepEqual(found.toSorted(), inAll.toSorted())
        assert.deepEqual(
          all && needSchema.parse(JSON.parse(JSON.stringify(all))) && needOf(all, 'm'),
          all && needOf(strictestOf(wishes.toReversed())!, 'm'),
        )
      }),
      { seed: 4, numRuns: 300 },
    )
  })

  test('what is not understood, or asks for two orders, is refused', () => {
    const codeOf = (said: unknown, headers: Record<string, string> = {}) => {
      const read = readPreferences(headers, said)
      return read.ok ? 'ok' : read.error?.param
    }
    assert.equal(codeOf({ need: { min_slots: 1 } }, { 'x-weightless-need': '{"region":"here"}' }), 'ok')
    assert.equal(codeOf({ need: { latency: 1 } }), 'provider.need')
    assert.equal(codeOf({ need: { region: 'more than 16 bytes' } }), 'provider.need.region')
    assert.equal(codeOf({}, { 'x-weightless-need': 'here' }), 'x-weightless-need')
    assert.equal(codeOf({}, { 'x-weightless-need': `{"region":"${' '.repeat(3_000)}"}` }), 'x-weightless-need')
    assert.equal(codeOf({ need: {}, sort: 'price' }), 'provider.sort')
    assert.equal(codeOf({ sort: 'market', order: [addressOf(1)] }), 'provider.order')
  })

  test('a statement that says anything else is none', () => {
    const { [matchHeader]: text } = (() => {
      const preferences = readPreferences({}, { sort: 'market' })
      assert.ok(preferences.ok)
      const draw = { state: { blockNumber: 7n, blockHash, candidates }, seed: blockHash, count: 0 }
      const match = openMatch({}, { market, requester, draw }, preferences.value, [], createProviderHealth(clock))
      match.order('m', able)
      return match.headers()
    })()
    const said = JSON.parse(text!) as Record<string, unknown>
    assert.ok(readMatchHeader(JSON.stringify(said)).ok)
    const others = [{ rule: 'mine' }, { block: '-1' }, { need: { cheapest: true } }, { count: 2 ** 32 }, { models: [] }]
    for (const other of others)
      assert.ok(!readMatchHeader(JSON.stringify({ ...said, ...other })).ok, JSON.stringify(other))
    assert.ok(!readMatchHeader('{').ok && !readMatchHeader(JSON.stringify({ ...said, more: ' '.repeat(5_000) })).ok)
  })
})
