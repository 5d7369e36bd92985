/**
 * Runs a folder of BlockchainTests (github.com/ethereum/legacytests, Cancun/BlockchainTests) and prints what failed:
 * `node packages/evm/scripts/conformance.ts FOLDER`. A sample of them is in vectors/evm and runs with `npm test`.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BlockchainTest, runBlockchainTest } from '../src/testing/runBlockchainTest.ts'

const folder = process.argv[2]
if (!folder) {
  console.error('conformance: name the folder of BlockchainTests')
  process.exit(2)
}
const counts = { passed: 0, failed: 0, blob: 0, otherRules: 0 }
for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
  if (!name.endsWith('.json')) continue
  const cases = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Record<string, BlockchainTest>
  for (const [title, test] of Object.entries(cases)) {
    if (test.network !== 'Cancun') {
      counts.otherRules++
      continue
    }
    const outcome = await runBlockchainTest(test).catch((error: unknown) => ({
      kind: 'failed' as const,
      why: String(error),
    }))
    counts[outcome.kind]++
    if (outcome.kind === 'failed') console.log(`${name} ${title}: ${outcome.why}`)
  }
}
console.log(
  `conformance: ${counts.passed} passed, ${counts.failed} failed, ${counts.blob} left out (blob transactions), ` +
    `${counts.otherRules} left out (rules other than Cancun)`,
)
process.exit(counts.failed > 0 ? 1 : 0)
