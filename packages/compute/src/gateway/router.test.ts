/** Limits per minute, breakers, choice and budgets' days, without a network. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Hex } from '@weightless/codec'
import fc from 'fast-check'
import { orderProviders } from './choice/orderProviders.ts'
import { type Preferences, readPreferences } from './choice/preferences.ts'
import { createProviderHealth } from './health/providerHealth.ts'
import { dayOf, periodStartDay } from './keys/apiKey.ts'
import { createRateLimiter } from './keys/rateLimiter.ts'
import { createOpenJobs } from './openJobs.ts'
import type { ListedProvider } from './providerDirectory.ts'

function createClock() {
  let nowMs = 1_000_000
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: async () => undefined,
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

const addressOf = (index: number): Hex => `0x${index.toString(16).padStart(40, '0')}`

const provider = (index: number, price: bigint, exact = true): ListedProvider => ({
  address: addressOf(index),
  url: 'http://127.0.0.1',
  model: 'm',
  verifiability: exact ? 'OpML' : '',
  price: { model: 'm', inputWeiPerToken: price, outputWeiPerToken: price, updatedAt: 1n },
  modelRoot: exact ? `0x${'01'.repeat(32)}` : undefined,
  programId: undefined,
  encryptionKey: undefined,
  tokenizerRoot: undefined,
  contextLength: 100,
  services: ['chat'],
  region: undefined,
  registeredSeconds: 0,
})

const preferencesOf = (said: unknown, headers: Record<string, string> = {}): Preferences => {
  const read = readPreferences(headers, said)
  assert.ok(read.ok)
  return read.value
}

const policy = (requestsPerMinute?: number, tokensPerMinute?: number) => ({
  name: '',
  models: [],
  providers: [],
  requestsPerMinute,
  tokensPerMinute,
})

describe('the router without a network', () => {
  test('a bucket never lets more through than it holds and what flows in', () => {
    const step = fc.record({ waitMs: fc.nat(20_000), tokens: fc.nat(300), used: fc.nat(300) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = createClock()
        const rates = createRateLimiter(clock)
        const limits = policy(30, 200)
        let [requests, tokens, passedMs, largest] = [0, 0, 0, 0]
        for (const { waitMs, tokens: asked, used } of steps) {
          clock.pass(waitMs)
          passedMs += waitMs
          const verdict = rates.take('k', limits, asked)
          if (!verdict.ok) {
            assert.ok(verdict.waitMs > 0)
            continue
          }
          requests++
          rates.correct('k', verdict.takenTokens, used)
          tokens += used
          largest = Math.max(largest, used)
        }
        assert.ok(requests <= 30 + (passedMs * 30) / 60_000 + 1e-6)
        assert.ok(tokens <= 200 + (passedMs * 200) / 60_000 + largest + 1e-6)
      }),
    )
  })

  test('a refused request takes nothing, and the wait that it is told is enough', () => {
    const clock = createClock()
    const rates = createRateLimiter(clock)
    const limits = policy(2, undefined)
    assert.ok(rates.take('k', limits, 5).ok && rates.take('k', limits, 5).ok)
    const third = rates.take('k', limits, 5)
    assert.ok(!third.ok && third.of === 'requests')
    clock.pass(third.ok ? 0 : third.waitMs)
    assert.ok(rates.take('k', limits, 5).ok)
    assert.deepEqual(rates.headersOf('other', policy()), {})
  })

  test('a breaker opens after three failures, lets one request try, and closes by its success alone', () => {
    const clock = createClock()
    const health = createProviderHealth(clock)
    const [a] = [addressOf(1)]
    for (let i = 0; i < 2; i++) health.failed(a)
    assert.equal(health.stateOf(a), 'closed')
    health.failed(a)
    assert.equal(health.stateOf(a), 'open')
    clock.pass(5_001)
    assert.equal(health.stateOf(a), 'half-open')
    health.tries(a)
    assert.equal(health.stateOf(a), 'open')
    health.failed(a)
    clock.pass(5_001)
    assert.equal(health.stateOf(a), 'open', 'the second time is longer')
    clock.pass(5_000)
    health.tries(a)
    health.answered(a, 10)
    assert.equal(health.stateOf(a), 'closed')
    health.distrust(a)
    health.answered(a, 10)
    assert.equal(health.stateOf(a), 'distrusted')
    clock.pass(3_600_001)
    assert.equal(health.stateOf(a), 'closed')
  })

  test('a probe that is answered ends the wait, not the doubt', () => {
    const clock = createClock()
    const health = createProviderHealth(clock)
    for (let i = 0; i < 3; i++) health.probed(addressOf(1), undefined)
    assert.equal(health.stateOf(addressOf(1)), 'open')
    clock.pass(100)
    health.probed(addressOf(1), 3)
    assert.equal(health.stateOf(addressOf(1)), 'half-open')
  })

  test('sorting by latency follows a change within thirty seconds, both ways', () => {
    const clock = createClock()
    const health = createProviderHealth(clock)
    const random = { bytes: (count: number) => new Uint8Array(count) }
    const latency = new Map([
      [addressOf(1), 20],
      [addressOf(2), 60],
    ])
    const providers = [provider(1, 5n), provider(2, 5n)]
    const ask = () => {
      clock.pass(500)
      const [first] = orderProviders(providers, preferencesOf({ sort: 'latency' }), [], { health, random })
      health.tries(first!.address)
      health.answered(first!.address, latency.get(first!.address)!)
      return first!.address
    }
    const majorityAfter = (askCount: number) => {
      const chosen = Array.from({ length: askCount }, ask).slice(-10)
      return chosen.filter((address) => address === addressOf(1)).length > 5 ? 1 : 2
    }
    assert.equal(majorityAfter(20), 1)
    latency.set(addressOf(1), 900)
    assert.equal(majorityAfter(60), 2)
    latency.set(addressOf(1), 5)
    latency.set(addressOf(2), 900)
    assert.equal(majorityAfter(60), 1)
  })

  test('hard constraints hold whatever else is wished', () => {
    const addresses = fc.subarray([0, 1, 2, 3, 4].map(addressOf))
    const said = fc.record(
      {
        only: addresses,
        ignore: addresses,
        order: addresses,
        sort: fc.constantFrom('price', 'latency', 'throughput'),
        max_price: fc.record({ prompt: fc.nat(6) }),
        allow_fallbacks: fc.boolean(),
      },
      { requiredKeys: [] },
    )
    const trust = fc.constantFrom(undefined, 'verified', 'private')
    fc.assert(
      fc.property(said, trust, addresses, fc.nat(255), (wishes, mode, keyProviders, chance) => {
        const all = [0, 1, 2, 3, 4].map((index) => provider(index, BigInt(index + 1), index !== 2))
        const health = createProviderHealth(createClock())
        health.distrust(addressOf(3))
        const headers = mode ? { 'x-0g-provider-trust-mode': mode } : {}
        const random = { bytes: (count: number) => new Uint8Array(count).fill(chance) }
        const ordered = orderProviders(all, preferencesOf(wishes, headers), keyProviders, { health, random })
        assert.equal(new Set(ordered.map(({ address }) => address)).size, ordered.length)
        for (const { address, price, modelRoot } of ordered) {
          assert.notEqual(mode, 'private')
          assert.ok(address !== addressOf(3) && !wishes.ignore?.includes(address))
          assert.ok(!wishes.only?.length || wishes.only.includes(address))
          assert.ok(keyProviders.length === 0 || keyProviders.includes(address))
          assert.ok(mode !== 'verified' || modelRoot)
          assert.ok(wishes.max_price === undefined || price.inputWeiPerToken <= BigInt(wishes.max_price.prompt))
        }
        if (wishes.allow_fallbacks === false) assert.ok(ordered.length <= 1)
      }),
    )
  })

  test('the cheap get most, the dear get some', () => {
    let seed = 1
    const random = {
      bytes: (count: number) =>
        Uint8Array.from({ length: count }, () => {
          seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff
          return seed >> 16
        }),
    }
    const health = createProviderHealth(createClock())
    let cheapest = 0
    for (let i = 0; i < 2_000; i++) {
      const [first] = orderProviders([provider(1, 1_000n), provider(2, 2_000n)], preferencesOf({}), [], {
        health,
        random,
      })
      if (first!.address === addressOf(1)) cheapest++
    }
    // price^-2: four to one.
    assert.ok(cheapest > 1_500 && cheapest < 1_700, String(cheapest))
  })

  test('periods begin at midnight, on Monday, on the first', () => {
    const wednesday = Date.UTC(2024, 1, 14, 13)
    assert.equal(periodStartDay('day', wednesday), dayOf(wednesday))
    assert.equal(periodStartDay('week', wednesday), dayOf(Date.UTC(2024, 1, 12)))
    assert.equal(periodStartDay('week', Date.UTC(2024, 1, 12)), dayOf(Date.UTC(2024, 1, 12)))
    assert.equal(periodStartDay('month', wednesday), dayOf(Date.UTC(2024, 1, 1)))
    assert.equal(periodStartDay(undefined, wednesday), 0)
  })

  test('a job that nobody heard of again counts until its authorisation ends', () => {
    const jobs = createOpenJobs()
    const name = { user: addressOf(1), provider: addressOf(2) }
    for (const jobNonce of [1n, 2n]) jobs.open({ ...name, jobNonce, keyId: 'k', maxFee: 10n, deadlineMs: 500 })
    assert.equal(jobs.leftOpen('k', 0), 0n)
    jobs.leaveOpen(name.user, name.provider, 1n)
    jobs.leaveOpen(name.user, name.provider, 2n)
    assert.equal(jobs.leftOpen('k', 0), 20n)
    jobs.close({ ...name, jobNonce: 1n })
    assert.equal(jobs.leftOpen('k', 0), 10n)
    assert.equal(jobs.keyOf(name.user, name.provider, 2n), 'k')
    assert.equal(jobs.leftOpen('k', 501), 0n)
  })
})
