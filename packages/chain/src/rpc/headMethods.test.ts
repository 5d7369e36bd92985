/** Followers are told of a head at once, cost nothing in between, and do not hurry the chain. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestChain } from '../testing/openTestChain.ts'

type Heads = { latest: { number: string; hash: string }; finalized: { number: string } }
const other = `0x${'11'.repeat(32)}`

test('a wait ends with the block, with its time or with a rewind', async () => {
  const chain = await openTestChain({ limits: { pace: { heartbeatIdleMs: 1e9, heartbeatWatchedMs: 1e9 } } })
  const wait = async (hash: string, ms: number) =>
    (await chain.rpc('weightless_waitForHead', [hash, ms])).result as Heads
  try {
    const first = await wait(other, 10_000)
    assert.deepEqual([first.latest.number, first.finalized.number], ['0x0', '0x0'])
    const startMs = performance.now()
    assert.deepEqual(await wait(first.latest.hash, 50), first)
    assert.ok(performance.now() - startMs >= 45)

    const waiting = wait(first.latest.hash, 10_000)
    const snapshot = (await chain.rpc('evm_snapshot')).result
    await chain.rpc('evm_mine')
    const second = await waiting
    assert.equal(second.latest.number, '0x1')
    const backwards = wait(second.latest.hash, 10_000)
    await chain.rpc('evm_revert', [snapshot])
    assert.deepEqual(await backwards, first)
    assert.ok(performance.now() - startMs < 5_000, 'none waited for its time to run out')

    assert.equal((await chain.rpc('weightless_waitForHead', ['0x12', 1])).error?.code, -32602)
  } finally {
    await chain.close()
  }
})

test('who waits, or reads a block that is there, is no audience; who asks for the newest is', async () => {
  const pace = { heartbeatIdleMs: 60_000, heartbeatWatchedMs: 30, audienceMemoryMs: 10_000 }
  const chain = await openTestChain({ limits: { pace } })
  const number = async () => {
    const { result } = await chain.rpc('weightless_waitForHead', [other, 0])
    return Number((result as Heads).latest.number)
  }
  try {
    await chain.rpc('eth_getBlockByNumber', ['0x0', false])
    await new Promise((resolve) => setTimeout(resolve, 150))
    assert.equal(await number(), 0)
    await chain.rpc('eth_getBlockByNumber', ['latest', false])
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.ok((await number()) > 1)
  } finally {
    await chain.close()
  }
})

test('more than the bound of waits are answered at once', async () => {
  const pace = { heartbeatIdleMs: 1e9, heartbeatWatchedMs: 1e9 }
  const chain = await openTestChain({ limits: { pace, rpc: { headWaitersMax: 2 } } })
  try {
    const { latest } = (await chain.rpc('weightless_waitForHead', [other, 0])).result as Heads
    const waits = Array.from({ length: 3 }, () => chain.rpc('weightless_waitForHead', [latest.hash, 10_000]))
    const startMs = performance.now()
    await Promise.race(waits)
    assert.ok(performance.now() - startMs < 2_000)
    await chain.rpc('evm_mine')
    await Promise.all(waits)
  } finally {
    await chain.close()
  }
})

test('a server that closes keeps nobody waiting', async () => {
  const chain = await openTestChain({ limits: { pace: { heartbeatIdleMs: 1e9, heartbeatWatchedMs: 1e9 } } })
  const { latest } = (await chain.rpc('weightless_waitForHead', [other, 0])).result as Heads
  const held = chain.rpc('weightless_waitForHead', [latest.hash, 10_000])
  await new Promise((resolve) => setTimeout(resolve, 50))
  const startMs = performance.now()
  await chain.close()
  await held.catch(() => undefined)
  assert.ok(performance.now() - startMs < 2_000)
})
