import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { claimPortBase } from './portClaim.ts'
import { listPorts, planPorts } from './portPlan.ts'

const file = join(import.meta.dirname, 'portClaim.ts')

/** What a process of its own claims, which then ends without a release. */
async function claimElsewhere(): Promise<number> {
  const source = `const { claimPortBase } = await import(${JSON.stringify(file)})
    console.log((await claimPortBase()).portBase)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', source])
  return Number(stdout)
}

test('a shift is claimed once, by this process or another, and is free again after a release', async () => {
  const [one, other] = [await claimPortBase(), await claimPortBase()]
  try {
    assert.notEqual(one.portBase, other.portBase)
    assert.ok(![one.portBase, other.portBase].includes(await claimElsewhere()))
  } finally {
    await Promise.all([one.release(), other.release()])
  }
  // Others may claim in the meantime; all of them at once would have to hold it for this to fail.
  const again = await claimPortBase()
  assert.ok(again.portBase <= Math.max(one.portBase, other.portBase) + 2_300)
  await again.release()
})

test('devnets on different shifts have no port in common, and none that is a claim', () => {
  const counts = { nodes: 6, providers: 8, peers: true }
  const taken = new Map<number, number>()
  for (let portBase = 20_000; portBase <= 22_300; portBase += 100) {
    for (const port of [...listPorts(planPorts(portBase, counts)), portBase + 2_999]) {
      assert.equal(taken.get(port), undefined, `${port} of ${portBase}`)
      assert.ok(port < 32_768)
      taken.set(port, portBase)
    }
  }
})
