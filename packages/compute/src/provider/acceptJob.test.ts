import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '@weightless/env'
import type { Receipt } from '@weightless/receipt'
import { createAccountBook, wasAccepted } from '../settlement/accountBook.ts'
import { AcceptanceBrokenError, acceptanceHeaders, checkKept, endInTime } from './acceptJob.ts'

const word = (byte: string) => `0x${byte.repeat(32)}` as const
const [user, provider] = [`0x${'aa'.repeat(20)}`, `0x${'bb'.repeat(20)}`] as const
const authorization = {
  ...{ user, provider, jobNonce: 1n, requestHash: word('01'), priceId: word('02') },
  ...{ maxFee: 100n, deadline: 1_000n },
}
const terms = { authorization, signature: '0x', salt: word('03'), nonce: word('04') } as const
const receipt = { inputHash: word('01'), priceId: word('02'), fee: 100n, timestamp: 1_000n, jobNonce: 1n } as Receipt

test('a receipt that breaks an acceptance in any of its terms is not to be signed', () => {
  const accepted = { terms, acceptance: '0x00' } as const
  checkKept(accepted, receipt)
  const broken = [{ inputHash: word('ff') }, { priceId: word('ff') }, { fee: 101n }, { timestamp: 1_001n }]
  for (const change of broken) {
    assert.throws(() => checkKept(accepted, { ...receipt, ...change }), AcceptanceBrokenError)
    checkKept({ terms, acceptance: undefined }, { ...receipt, ...change })
  }
})

async function play(acceptance: '0x00' | undefined, stepSeconds: number) {
  let [seconds, isReturned, sent] = [0, false, 0]
  async function* pieces() {
    try {
      for (; sent < 20; sent++) {
        seconds += stepSeconds
        yield `piece ${sent} `
      }
    } finally {
      isReturned = true
    }
  }
  const clock = { nowMs: () => seconds * 1000 } as Clock
  let text = ''
  for await (const piece of endInTime(pieces(), { terms, acceptance }, clock)) {
    text += typeof piece === 'string' ? piece : new TextDecoder().decode(piece)
  }
  return { text, isReturned, seconds }
}

test('an accepted stream ends two minutes before its deadline, and its source is told before the client is', async () => {
  const ended = await play('0x00', 100)
  assert.ok(ended.isReturned)
  assert.equal(ended.seconds, 900)
  assert.match(ended.text, /^piece 0 .*piece 8 data: \{"error"/)
})

test('a stream in time, or one that was not accepted, is untouched', async () => {
  for (const played of [await play('0x00', 1), await play(undefined, 100)]) {
    assert.match(played.text, /piece 19 $/)
    assert.ok(!played.text.includes('error'))
  }
  assert.deepEqual(acceptanceHeaders({ terms, acceptance: undefined }), {})
})

test('accepted numbers are remembered within bounds, and those that are forgotten count as accepted', () => {
  const book = createAccountBook()
  const count = 10_000n
  for (let jobNonce = 1n; jobNonce <= count; jobNonce++) book.apply({ kind: 'accepted', user, jobNonce })
  const account = book.of(user)
  assert.ok(account.accepted.size <= 4_096)
  assert.equal(account.jobNonce, count)
  for (let jobNonce = 1n; jobNonce <= count; jobNonce++) assert.ok(wasAccepted(account, jobNonce))
  assert.ok(!wasAccepted(account, count + 1n))
})
