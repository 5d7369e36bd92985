/** How answers gather before their receipts are asked for, and when they do not. COMPUTE §7.5 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSim } from '@weightless/env/sim'
import type { Bundle } from '@weightless/receipt'
import { type JobTerms, settledJobsMax } from '../wire/payment.ts'
import { createJobSettler } from './settleJobs.ts'

const gatherMs = 40
const termsOf = (jobNonce: bigint) => ({ authorization: { jobNonce } }) as JobTerms
const delivered = { jobId: '', acceptance: undefined, differs: () => undefined }

/** Exchanges that take a moment each, and know of every job. */
function settlerOf({ clock }: ReturnType<ReturnType<typeof createSim>['boot']>) {
  const sizes: number[] = []
  const settler = createJobSettler({
    clock,
    gatherMs,
    async exchange(jobNonces) {
      sizes.push(jobNonces.length)
      await clock.sleep(1)
      return new Map(jobNonces.map((jobNonce) => [jobNonce, {} as Bundle]))
    },
    keep: async (jobs) => jobs.map(() => undefined),
    onFault: () => assert.fail('nothing is wrong'),
  })
  return { settler, sizes }
}

test('what fills an exchange waits for no more, so that no number of clients answers faster than it is paid', async () => {
  const sim = createSim({ seed: 1 })
  const env = sim.boot('a')
  const { settler, sizes } = settlerOf(env)
  const count = 10 * settledJobsMax + 1
  const startedMs = env.clock.monotonicMs()
  const jobs = Array.from({ length: count }, (_, at) => settler.settle(termsOf(BigInt(at + 1)), delivered))
  await sim.run(Promise.all(jobs))
  // One pause after the first answer, one for the job that is left over, one before its payment.
  assert.deepEqual(sizes, [...Array.from({ length: 10 }, () => settledJobsMax), 1, 0])
  assert.equal(env.clock.monotonicMs() - startedMs, sizes.length + 3 * gatherMs)
})

test('few answers gather, and share an exchange', async () => {
  const sim = createSim({ seed: 2 })
  const env = sim.boot('a')
  const { settler, sizes } = settlerOf(env)
  const first = settler.settle(termsOf(1n), delivered)
  const second = sim.run(env.clock.sleep(gatherMs / 2).then(() => settler.settle(termsOf(2n), delivered)))
  await second
  await first
  assert.deepEqual(sizes, [2, 0])
})
