import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { claimPortBase } from './portClaim.ts'
import { findFreePorts, listPorts, planPorts } from './portPlan.ts'

test('the default ports are those that tools expect, and portBase shifts every one', () => {
  const plan = planPorts(0, { nodes: 3, providers: 2, peers: true })
  assert.deepEqual(plan, {
    chain: 8545,
    storage: 5678,
    storageNodes: [5681, 5682, 5683],
    peers: [5700, 5701, 5702, 5703],
    keyValue: 6789,
    s3: 9000,
    gateway: 8080,
    providers: [8081, 8082],
    fineTuning: 8091,
    console: 3000,
  })
  const shifted = planPorts(700, { nodes: 3, providers: 2, peers: true })
  assert.deepEqual(
    listPorts(shifted),
    listPorts(plan).map((port) => port + 700),
  )
})

test('a busy port is named and another shift is taken', async () => {
  const claim = await claimPortBase()
  const { portBase: free } = await findFreePorts(claim.portBase, { nodes: 1, providers: 1, peers: false })
  const blocker = createServer()
  await new Promise<void>((resolve) => blocker.listen(8545 + free, '127.0.0.1', resolve))
  try {
    const found = await findFreePorts(free, { nodes: 1, providers: 1, peers: false })
    assert.ok(found.portBase > free)
    assert.deepEqual(found.busyPorts.includes(8545 + free), true)
  } finally {
    await new Promise((resolve) => blocker.close(resolve))
    await claim.release()
  }
})
