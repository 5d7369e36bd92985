import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { makeDevQuote } from '@weightless/attest'
import { policyOf } from './attestationFiles.ts'

const vectors = join(import.meta.dirname, '../../../vectors/attestation')
const bin = join(import.meta.dirname, '../bin/weightless.mjs')
const run = (...words: string[]) =>
  spawnSync(process.execPath, [bin, '--json', 'attest', 'verify', ...words], { encoding: 'utf8' })
const flags = { measurement: [], allowStatus: [] }

describe('weightless attest verify', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weightless-attest-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  test('a quote as hex, accepted at its time and refused now', () => {
    const path = join(folder, 'quote.hex')
    writeFileSync(path, `${readFileSync(join(vectors, 'dcap/tdx-v4.quote')).toString('hex')}\n`)
    const words = [path, '--collateral', join(vectors, 'dcap/tdx-v4.collateral.json')]
    const then = run(...words, '--at', '2025-06-20T12:00:00Z')
    assert.equal(then.status, 0, then.stderr)
    const said = JSON.parse(then.stdout)
    assert.deepEqual([said.accepted, said.status, said.quoteVersion], [true, 'UpToDate', 4])
    const bound = run(
      ...words,
      '--at',
      '1750420800',
      '--report-data',
      said.body.reportData,
      '--measurement',
      `mrTd=${said.body.mrTd}`,
    )
    assert.equal(bound.status, 0, bound.stderr)
    const now = run(...words)
    assert.deepEqual([now.status, JSON.parse(now.stdout).code], [1, 'expired'])
  })

  test('a dev quote, refused unless allowed', () => {
    const path = join(folder, 'dev.quote')
    const said = { issuedSeconds: 1, measurement: new Uint8Array(48), reportData: new Uint8Array(64) }
    writeFileSync(path, makeDevQuote(said, new Uint8Array(32).fill(1)))
    const refused = run(path)
    assert.deepEqual([refused.status, JSON.parse(refused.stdout).code], [1, 'dev'])
    assert.deepEqual(JSON.parse(run(path, '--allow-dev').stdout).tee, 'dev')
  })

  test('flags', () => {
    const policy = policyOf(
      { ...flags, at: '12', measurement: ['rtmr2=0a', 'pcr15=0b', 'mrSigner=0c'], allowStatus: ['OutOfDate'] },
      5,
    )
    assert.equal(policy.atSeconds, 12)
    assert.deepEqual(policy.measurements, {
      mrSigner: Uint8Array.of(12),
      rtmrs: [undefined, undefined, Uint8Array.of(10), undefined],
    })
    assert.deepEqual(policy.pcrs, { 15: Uint8Array.of(11) })
    assert.deepEqual(policy.allowStatuses, ['UpToDate', 'OutOfDate'])
    assert.equal(policyOf(flags, 5).atSeconds, 5)
    for (const bent of [
      { at: 'soon' },
      { measurement: ['rtmr9=00'] },
      { measurement: ['mrTd'] },
      { allowStatus: ['Fine'] },
      { nonce: 'xy' },
    ]) {
      assert.throws(() => policyOf({ ...flags, ...bent }, 5), { code: 'cli/attest-flag' })
    }
  })
})
