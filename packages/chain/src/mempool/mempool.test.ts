/** Nonce queues with gaps, price order, replacement, bounds and expiry of the pool. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex, hexToBytes, uintToBytes } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import type { Clock } from '@weightless/env'
import fc from 'fast-check'
import type { poolLimits } from '../limits.ts'
import type { SignedTransaction } from '../transactions/transaction.ts'
import { Mempool } from './mempool.ts'

const address = (index: number) => uintToBytes(BigInt(index + 1), 20)

/** A pool whose senders are vouched for, so that no signatures are needed; nonces start at 0. */
function createPool(limits: Partial<typeof poolLimits> = {}) {
  const nonces = new Map<string, number>()
  let nowMs = 0
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined }
  const pool = new Mempool({
    clock,
    chainId: 1,
    blockGasLimit: 1_000_000n,
    limits,
    chain: {
      account: (who) => ({ nonce: nonces.get(bytesToHex(who)) ?? 0, balance: 10n ** 18n }),
      nextBaseFeePerGas: () => 10n,
    },
    recovery: { recover: async () => undefined },
  })
  const settle = (transactions: readonly SignedTransaction[]) => {
    for (const { sender, nonce } of transactions) nonces.set(bytesToHex(sender), nonce + 1)
    pool.settle(transactions)
  }
  const wait = (ms: number) => {
    nowMs += ms
  }
  return { pool, settle, wait }
}

function transfer(sender: number, nonce: number, tip = 1n, fee = 100n + tip): SignedTransaction {
  const raw = keccak256(
    hexToBytes(
      `${[sender, nonce].map((n) => n.toString(16).padStart(8, '0')).join('')}${tip.toString(16).padStart(16, '0')}`,
    ),
  )
  return {
    raw,
    hash: keccak256(raw),
    type: 2,
    chainId: 1,
    nonce,
    maxFeePerGas: fee,
    maxPriorityFeePerGas: tip,
    gasLimit: 21_000n,
    to: address(99),
    value: 0n,
    data: new Uint8Array(0),
    accessList: [],
    authorizationList: [],
    signature: { v: 0n, yParity: 0, r: new Uint8Array(32), s: new Uint8Array(32) },
    sender: address(sender),
  }
}

const picked = (pool: Mempool) => pool.select(1_000_000n, 1000).map(({ sender, nonce }) => [sender[19]! - 1, nonce])

test('runs nonces in a row, waits behind a gap, goes on when it is filled', () => {
  const { pool, settle } = createPool()
  for (const nonce of [2, 0]) assert.ok(pool.addVouched(transfer(0, nonce)).ok)
  assert.deepEqual(picked(pool), [[0, 0]])
  assert.equal(pool.nextNonce(address(0)), 1)
  assert.deepEqual([pool.content().pending.length, pool.content().queued.length], [1, 1])
  pool.addVouched(transfer(0, 1))
  assert.deepEqual(picked(pool), [
    [0, 0],
    [0, 1],
    [0, 2],
  ])
  assert.equal(pool.nextNonce(address(0)), 3)
  settle(pool.select(1_000_000n, 2))
  assert.deepEqual(picked(pool), [[0, 2]])
  assert.equal(pool.size, 1)
})

test('higher tips first, earlier arrival among equals, nonces never out of order', () => {
  const { pool } = createPool()
  pool.addVouched(transfer(0, 0, 5n))
  pool.addVouched(transfer(0, 1, 50n))
  pool.addVouched(transfer(1, 0, 20n))
  pool.addVouched(transfer(2, 0, 5n))
  assert.deepEqual(picked(pool), [
    [1, 0],
    [0, 0],
    [0, 1],
    [2, 0],
  ])
  assert.equal(pool.select(50_000n, 1000).length, 2)
  assert.equal(pool.select(1_000_000n, 3).length, 3)
})

test('a replacement has to pay a tenth more in fee and in tip', () => {
  const { pool } = createPool()
  pool.addVouched(transfer(0, 0, 10n, 100n))
  const code = (tip: bigint, fee: bigint) => {
    const verdict = pool.addVouched(transfer(0, 0, tip, fee))
    return verdict.ok ? 'taken' : verdict.code
  }
  assert.equal(code(11n, 109n), 'replacement-underpriced')
  assert.equal(code(10n, 200n), 'already-known')
  assert.equal(code(11n, 110n), 'taken')
  assert.equal(pool.size, 1)
  assert.equal(pool.select(1_000_000n, 9)[0]!.maxPriorityFeePerGas, 11n)
})

test('costs of all waiting transactions of a sender count against its balance', () => {
  const { pool } = createPool()
  const dear = (nonce: number) => ({ ...transfer(0, nonce), value: 6n * 10n ** 17n })
  assert.ok(pool.addVouched(dear(0)).ok)
  const second = pool.addVouched(dear(1))
  assert.ok(!second.ok && second.code === 'insufficient-funds' && /queued cost/.test(second.detail ?? ''))
})

test('bounds: per sender, in count; what can run pushes out what waits behind a gap; gaps expire', () => {
  const { pool, settle, wait } = createPool({ perSenderMax: 3, transactionsMax: 4, gapLifetimeMs: 1_000 })
  for (const nonce of [0, 1, 2]) assert.ok(pool.addVouched(transfer(0, nonce)).ok)
  const fourth = pool.addVouched(transfer(0, 3))
  assert.ok(!fourth.ok && fourth.code === 'account-limit')
  assert.ok(pool.addVouched(transfer(1, 2)).ok)
  const behind = pool.addVouched(transfer(2, 1))
  assert.ok(!behind.ok && behind.code === 'pool-full')
  assert.ok(pool.addVouched(transfer(2, 0)).ok)
  assert.equal(pool.content().queued.length, 0)
  settle(pool.select(1_000_000n, 3))
  assert.ok(pool.addVouched(transfer(3, 1)).ok)
  wait(1_001)
  settle([])
  assert.equal(pool.content().queued.length, 0)
})

test('whatever comes in whatever order, the selection is executable and the books balance', () => {
  const step = fc.record({ sender: fc.nat(3), nonce: fc.nat(6), tip: fc.bigInt({ min: 1n, max: 60n }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(10), (steps, take) => {
      const { pool, settle } = createPool()
      const next = [0, 0, 0, 0]
      for (const { sender, nonce, tip } of steps) pool.addVouched(transfer(sender, nonce, tip))
      for (let round = 0; round < 8; round++) {
        const chosen = pool.select(1_000_000n, take + 1)
        for (const { sender, nonce } of chosen) {
          const index = sender[19]! - 1
          assert.equal(nonce, next[index])
          next[index]!++
        }
        settle(chosen)
      }
      const { pending, queued } = pool.content()
      assert.equal(pending.length + queued.length, pool.size)
      for (const transaction of pool.content().pending) pool.drop(transaction.hash)
      for (const transaction of pool.content().queued) pool.drop(transaction.hash)
      assert.deepEqual([pool.size, pool.hasRunnable()], [0, false])
    }),
  )
})
