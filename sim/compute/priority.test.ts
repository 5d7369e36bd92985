/** Stake locked on the chain sets whose turn comes first at a busy provider, and keeps nobody out. MARKET §5 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { openTensorEngine, type Provider } from '@weightless/compute'
import { abis } from '@weightless/contracts'
import { type ComputeNet, contracts, startComputeNet, tinyModel, tokens } from './computeNet.ts'
import { createDirectUser } from './directUser.ts'

let net: ComputeNet
let provider: Provider
/** Users in the order in which the engine got their jobs: each puts a temperature of its own into its requests. */
const order: number[] = []
let openGate = () => {}

describe('priority on a whole network', () => {
  before(async () => {
    net = await startComputeNet()
    const gate = new Promise<void>((resolve) => {
      openGate = resolve
    })
    provider = await net.startProvider({
      openEngine: async () => {
        const weights = new Uint8Array(await readFile(tinyModel))
        // One at a time, so that turns show.
        const engine = await openTensorEngine({ env: net.env, name: 'tiny', weights, concurrent: 1 })
        return {
          ...engine,
          async start(job) {
            order.push(job.sampler.temperature)
            await gate
            return engine.start(job)
          },
        }
      },
    })
    await provider.ready
  })

  after(async () => {
    openGate()
    await net.close()
  })

  test('three tickets wait less than one, and one is answered too', async () => {
    await Promise.all([4, 5, 6].map((index) => net.deposit(index, tokens(10))))
    const users = await Promise.all([4, 5, 6].map((index) => createDirectUser(net, provider, index)))
    const [holder, bare, staked] = users as [(typeof users)[0], (typeof users)[0], (typeof users)[0]]
    for (const user of users) await user.fund(tokens(1))
    const priority = { address: contracts.priorityStake, abi: abis.priorityStake } as const
    const unit = await staked.ledger.read({ ...priority, functionName: 'ticketWei' })
    await staked.ledger.submit({ ...priority, functionName: 'lock', args: [], value: unit * 2n })

    const first = holder.askPlainly(1)
    await waitFor(async () => order.length === 1)
    const jobs = [bare.askPlainly(0.1), bare.askPlainly(0.1)]
    await waitFor(async () => (await waitingJobs()) === 2)
    jobs.push(...[0, 1, 2, 3].map(() => staked.askPlainly(0.3)))
    await waitFor(async () => (await waitingJobs()) === 6)
    openGate()
    assert.deepEqual(await Promise.all([first, ...jobs]), Array(7).fill(200))
    // tags: bare 1 and 2; staked 1/3, 2/3, 1 (a hair below, by rounding down) and 4/3
    assert.deepEqual(order, [1, 0.3, 0.3, 0.3, 0.1, 0.3, 0.1])
  })
})

async function waitingJobs(): Promise<number> {
  return Number(/weightless_compute_waiting_jobs (\d+)/.exec(await net.env.metrics.render())?.[1])
}

async function waitFor(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (await holds()) return
    await net.env.clock.sleep(20)
  }
  assert.fail('it did not come to that')
}
