// OpenAI's client of npm, unmodified, against the devnet's gateway; then `weightless verify` makes its answers again.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { runOpenaiCases } from './openaiCases.mjs'

const { compute } = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
const model = compute.providers.flatMap(({ models }) => models)[0]
const seen = await runOpenaiCases({ baseURL: `${compute.gatewayUrl}/v1`, apiKey: compute.apiKey, model })
console.log(`${model} said ${JSON.stringify(seen.text)} for ${seen.usage.total_tokens} tokens`)

const cli = join(import.meta.dirname, '../../packages/cli/bin/weightless.mjs')
const env = { ...process.env, WEIGHTLESS_NETWORK: process.env.WEIGHTLESS_DEVNET }
/** Else they come from the storage network. */
const weights = process.env.MODEL_WEIGHTS ? ['--weights', process.env.MODEL_WEIGHTS] : []
const folder = mkdtempSync(join(tmpdir(), 'weightless-openai-'))
try {
  for (const [name, id] of Object.entries(seen.receipts)) {
    const headers = { authorization: `Bearer ${compute.apiKey}` }
    const answer = await fetch(`${compute.gatewayUrl}/v1/receipts/${id}`, { headers })
    const file = join(folder, 'bundle.json')
    writeFileSync(file, await answer.text())
    const words = [cli, '--json', 'verify', file, ...weights]
    const { stdout } = await promisify(execFile)(process.execPath, words, { env, maxBuffer: 1 << 26 }).catch(
      (fault) => fault,
    )
    const outcome = JSON.parse(stdout)
    assert.ok(outcome.accepted && outcome.reExecuted, `${name}: ${stdout}`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`re-executed: ${Object.keys(seen.receipts).join(', ')}`)
