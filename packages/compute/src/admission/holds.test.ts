/** Holds never exceed what the chain has, also while the chain is away; settled money is not counted twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hex } from '@weightless/codec'
import { type Ledger, LedgerUnreachableError } from '@weightless/ledger'
import { createAccountBook } from '../settlement/accountBook.ts'
import { createChainAccounts } from './chainAccounts.ts'
import { createHolds } from './holds.ts'

const user: Hex = `0x${'aa'.repeat(20)}`
const address: Hex = `0x${'bb'.repeat(20)}`

function world(spendable: bigint) {
  const state = { spendable, paid: 0n, away: false, nowMs: 0, reads: 0 }
  const ledger = {
    blockNumber: async () => 1n,
    async read({ functionName }: { functionName: string }) {
      state.reads++
      if (state.away) throw new LedgerUnreachableError({ rpcUrl: 'scripted' })
      if (functionName === 'ticketsOf') return 7n
      if (functionName === 'pairs') return [state.paid, state.paid, 0]
      return { balance: state.spendable + 5n, pendingRefund: 5n, generation: 0n, revokedBitmap: 0n, nonce: 0n }
    },
  } as unknown as Ledger
  const clock = { nowMs: () => state.nowMs, monotonicMs: () => state.nowMs, sleep: async () => {} }
  const places = { provider: address, inferenceServing: address, receiptSettlement: address }
  const accounts = createChainAccounts({ ledger, clock, ...places })
  const book = createAccountBook()
  const staked = createChainAccounts({ ledger, clock, ...places, priorityStake: address })
  return { state, accounts, staked, book, holds: createHolds({ accounts, book }) }
}

test('parallel holds share the balance; a released one can be taken again', async () => {
  const { holds } = world(100n)
  const taken = await Promise.all(Array.from({ length: 8 }, () => holds.take(user, 30n)))
  const held = taken.filter((each) => each.ok)
  assert.equal(held.length, 3)
  held[0]!.release()
  held[0]!.release()
  assert.ok((await holds.take(user, 40n)).ok)
  assert.deepEqual(await holds.take(user, 1n), { ok: false, freeWei: 0n })
})

test('what is receipted counts until the chain has paid it, and then no more', async () => {
  const { holds, book, state } = world(100n)
  book.apply({
    kind: 'receipt',
    jobId: 'a',
    path: 'voucher',
    user,
    jobNonce: 1n,
    fee: 80n,
    receiptHash: `0x${'01'.repeat(32)}`,
  })
  assert.deepEqual(await holds.take(user, 30n), { ok: false, freeWei: 20n })
  // Settled on the chain, while the book has not heard of it yet.
  state.nowMs = 1
  state.spendable = 20n
  state.paid = 80n
  assert.ok((await holds.take(user, 20n)).ok)
  assert.ok(!(await holds.take(user, 1n)).ok)
})

test('a deposit of a moment ago counts, and an absent chain does not stop those who are known', async () => {
  const { holds, accounts, state } = world(10n)
  assert.ok(!(await holds.take(user, 50n)).ok)
  state.nowMs = 1
  state.spendable = 60n
  assert.ok((await holds.take(user, 50n)).ok)
  state.away = true
  state.nowMs = 200_000
  assert.ok((await holds.take(user, 10n)).ok)
  state.nowMs = 400_000
  await assert.rejects(accounts.of(user), LedgerUnreachableError)
})

test('tickets come with the account, and are one where no contract gives any', async () => {
  const { accounts, staked } = world(100n)
  assert.equal((await accounts.of(user))?.tickets, 1)
  assert.equal((await staked.of(user))?.tickets, 7)
})
