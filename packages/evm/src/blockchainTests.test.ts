/** A sample of the Ethereum foundation's block tests; the whole suite is run by scripts/conformance.ts. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type BlockchainTest, runBlockchainTest } from './testing/runBlockchainTest.ts'

const file = join(import.meta.dirname, '..', '..', '..', 'vectors', 'evm', 'blockchainTests.json')
const cases = JSON.parse(readFileSync(file, 'utf8')) as Record<string, BlockchainTest>

test('blocks of the official tests have the roots, gas and bloom of their headers', async () => {
  const failed: string[] = []
  for (const [name, blockchainTest] of Object.entries(cases)) {
    const outcome = await runBlockchainTest(blockchainTest)
    if (outcome.kind === 'failed') failed.push(`${name}: ${outcome.why}`)
  }
  assert.deepEqual(failed, [])
  assert.ok(Object.keys(cases).length > 100)
})

test('a header that says otherwise is noticed, whichever field it is', async () => {
  const name = Object.keys(cases).find((key) => key.includes('stLogTests'))!
  for (const field of [
    'stateRoot',
    'receiptTrie',
    'transactionsTrie',
    'gasUsed',
    'bloom',
    'withdrawalsRoot',
  ] as const) {
    const forged = structuredClone(cases[name]!)
    const header = forged.blocks[0]!.blockHeader!
    header[field] = header[field].replace(/.$/, (digit) => (digit === '0' ? '1' : '0'))
    assert.equal((await runBlockchainTest(forged)).kind, 'failed', field)
  }
})
