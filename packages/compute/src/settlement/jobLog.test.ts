/** Numbers of jobs that another process still answers are nobody else's, over restarts, and a log has one owner. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hex } from '@weightless/codec'
import { createSim } from '@weightless/env/sim'
import { wasAccepted } from './accountBook.ts'
import { openJobLog } from './jobLog.ts'
import { openMovableLog } from './movableLog.ts'

const user: Hex = `0x${'11'.repeat(20)}`
const receiptHash: Hex = `0x${'22'.repeat(32)}`
const record = { kind: 'receipt', jobId: 'job-1', path: 'voucher', user, jobNonce: 7n, fee: 5n, receiptHash } as const
const job = {
  ...{
    jobId: 'job-1',
    user,
    jobNonce: 7n,
    receiptHash,
    bundle: { version: 1, settlement: user, receipt: {}, opening: { some: 'bundle' } },
  },
  ...{ authorization: undefined, exchange: { text: 'a:b' } },
}

test('a number that is answered elsewhere is taken, and free for its own receipt alone', async () => {
  const sim = createSim({ seed: 1 })
  const { disk } = sim.boot('a')
  await sim.run(
    (async () => {
      const first = await openJobLog(disk, 'log')
      await first.addElsewhere([
        { user, jobNonce: 7n },
        { user, jobNonce: 9n },
      ])
      await first.close()
      const log = await openJobLog(disk, 'log')
      assert.deepEqual(
        [7n, 8n, 9n].map((nonce) => [log.isElsewhere(user, nonce), log.hasNonce(user, nonce)]),
        [
          [true, true],
          [false, false],
          [true, true],
        ],
      )
      assert.equal(log.book.of(user).jobNonce, 9n)
      await log.addReceipt(record, job)
      assert.deepEqual([log.isElsewhere(user, 7n), log.hasNonce(user, 7n)], [false, true])
      // Told again, after its receipt: it is answered, and not elsewhere.
      await log.addElsewhere([{ user, jobNonce: 7n }])
      assert.equal(log.isElsewhere(user, 7n), false)
      await log.close()
    })(),
  )
})

test('a log that was let go takes nothing, delivers receipts, and comes back with what its other owner wrote', async () => {
  const sim = createSim({ seed: 2 })
  const { disk } = sim.boot('a')
  await sim.run(
    (async () => {
      const delivered: bigint[] = []
      const log = await openMovableLog(() => openJobLog(disk, 'log'))
      const { book } = log
      const writing = log.add({ kind: 'consent', user, leavingUntilMs: 5 })
      const decided = Promise.withResolvers<void>()
      await log.letGo(
        async ({ jobNonce }) => void delivered.push(jobNonce),
        () => decided.promise,
      )
      const accepting = log.add({ kind: 'accepted', user, jobNonce: 8n })
      await writing
      await log.addReceipt(record, job)
      assert.deepEqual([delivered, log.isGone()], [[7n], true])
      await assert.rejects(log.find('job-1'), { code: 'compute/provider-moved' })
      await assert.rejects(log.add({ kind: 'consent', user, leavingUntilMs: 6 }), { code: 'compute/provider-moved' })
      const other = await openJobLog(disk, 'log')
      await other.addReceipt(record, job)
      await other.close()
      await log.takeBack()
      // It was not decided until then: the acceptance is in the log that came back.
      decided.resolve()
      await accepting
      assert.equal(wasAccepted(book.of(user), 8n), true)
      assert.equal((await log.find('job-1'))?.jobNonce, 7n)
      assert.deepEqual([book.of(user).jobNonce, book.of(user).leavingUntilMs], [8n, 5])
      await log.close()
    })(),
  )
})
