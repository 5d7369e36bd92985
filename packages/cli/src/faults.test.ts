/** What a hostile or unlucky user sees: words that name cause and next step, the right exit code, no secret, no stack. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { WeightlessError } from '@weightless/codec'
import { FileChangedError, openSteadyFile } from './openSteadyFile.ts'
import { describeFailure } from './reportFailure.ts'

const main = join(import.meta.dirname, 'main.ts')
let folder = ''
describe('the command line under misuse', () => {
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'weightless cli '))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  type Outcome = { code: number; stdout: string; stderr: string }

  function run(words: string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
    return new Promise((resolve) => {
      const options = { env: { ...process.env, ...env }, cwd: folder, timeout: 30_000 }
      execFile(process.execPath, [main, ...words], options, (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr })
      })
    })
  }

  test('exit codes: 0 done, 1 failed, 2 wrong usage; --json always says it in JSON', async () => {
    const [help, failed, usage, number] = await Promise.all([
      run(['--help']),
      run(['--json', 'file', 'upload', 'nothing-there']),
      run(['--json', 'no-such-noun']),
      run(['--json', 'devnet', '--nodes', '0']),
    ])
    assert.equal(help.code, 0)
    assert.equal(failed.code, 1)
    const { error } = JSON.parse(failed.stdout)
    assert.equal(error.code, 'cli/network-unknown')
    assert.match(error.hint, /npm start/)
    for (const each of [usage, number]) {
      assert.equal(each.code, 2)
      assert.equal(JSON.parse(each.stdout).error.code, 'cli/usage')
    }
  })

  test('a wrong key, a foreign address and a damaged network file are named, and no key is repeated', async () => {
    const network = join(folder, 'network.json')
    writeFileSync(network, '{"chain":')
    const zero = `0x${'00'.repeat(32)}`
    const [damaged, host] = await Promise.all([
      run(['account', 'show'], { WEIGHTLESS_NETWORK: network, WEIGHTLESS_KEY: zero }),
      run(['--json', 'devnet', '--host', '0.0.0.0']),
    ])
    assert.equal(damaged.code, 1)
    assert.match(damaged.stderr, /cli\/network-file/)
    assert.ok(!damaged.stderr.includes(zero) && !damaged.stderr.includes('    at '))
    assert.equal(JSON.parse(host.stdout).error.code, 'node/well-known-keys')
  })

  test('a failure of the system says what to do', () => {
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    assert.match(describeFailure(full).hint ?? '', /space/)
    const wrapped = describeFailure(new WeightlessError('a/b', 'The chain stopped.', { file: 'x' }, { cause: full }))
    assert.deepEqual(
      [wrapped.code, wrapped.message, wrapped.cause],
      ['a/b', 'The chain stopped. (file x)', 'The disk is full.'],
    )
    assert.match(wrapped.hint ?? '', /space/)
    assert.equal(describeFailure(new AggregateError([full], 'several')).code, 'system/enospc')
    assert.equal(describeFailure('text').code, 'cli/unexpected')
    assert.equal(describeFailure(new WeightlessError('a/b', 'No x here.', { what: 'x' })).message, 'No x here.')
  })

  test('a file that shrinks or changes while it is uploaded is said to have changed', async () => {
    const path = join(folder, 'changing')
    writeFileSync(path, new Uint8Array(10_000))
    const file = await openSteadyFile(path, 10_000)
    const refusal = new Error('the node refused')
    assert.equal((await file.read(9_990, 10)).length, 10)
    assert.equal(await file.explain(refusal), refusal)
    truncateSync(path, 5_000)
    await assert.rejects(file.read(4_000, 2_000), FileChangedError)
    const explained = await file.explain(refusal)
    assert.ok(explained instanceof FileChangedError && explained.cause === refusal)
    await file.close()
  })
})
