import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { textToBytes } from '@weightless/codec'
import { damaged, fuzzRuns } from '@weightless/codec/testing/fuzz'
import '@weightless/env/node'
import fc from 'fast-check'
import { makeDevQuote } from './dev/devQuote.ts'
import { makeDcapWorld } from './testing/makeDcapWorld.ts'
import { makeNitroDocument } from './testing/makeNitroDocument.ts'
import { readPublicQuotes } from './testing/publicQuotes.ts'
import { type AttestationPolicy, kindOfEvidence, verifyAttestation } from './verifyAttestation.ts'

const atSeconds = 1_750_000_000
const said = {
  issuedSeconds: atSeconds - 5,
  measurement: new Uint8Array(48).fill(1),
  reportData: new Uint8Array(64).fill(2),
}
const devQuote = makeDevQuote(said, new Uint8Array(32).fill(33))

function judge(bytes: Uint8Array, policy: Partial<AttestationPolicy> = {}, collateral?: unknown): string {
  const verdict = verifyAttestation(bytes, collateral, { atSeconds, ...policy })
  return verdict.ok ? verdict.value.tee : verdict.code
}

describe('quotes made without hardware', () => {
  test('are refused unless the user allows them, and say dev', () => {
    assert.equal(judge(devQuote), 'dev')
    assert.equal(judge(devQuote, { allowDebug: true }), 'dev')
    assert.equal(judge(devQuote, { allowDev: true }), 'dev')
    const verdict = verifyAttestation(devQuote, undefined, { atSeconds, allowDev: true })
    assert.ok(verdict.ok && verdict.value.tee === 'dev')
    const { publicKey, ...rest } = verdict.value
    assert.deepEqual(rest, { tee: 'dev', ...said })
    assert.equal(publicKey.length, 65)
    const refused = verifyAttestation(devQuote, undefined, { atSeconds })
    assert.equal(!refused.ok && refused.code, 'dev')
  })

  test('bound data, time, any bit', () => {
    const allowed = { allowDev: true }
    const code = (bytes: Uint8Array, policy: Partial<AttestationPolicy> = {}) => {
      const verdict = verifyAttestation(bytes, undefined, { atSeconds, ...allowed, ...policy })
      return verdict.ok ? 'ok' : verdict.code
    }
    assert.equal(code(devQuote, { reportData: said.reportData }), 'ok')
    assert.equal(code(devQuote, { reportData: said.reportData.with(0, 9) }), 'report-data')
    assert.equal(code(devQuote, { atSeconds: atSeconds - 6 }), 'not-yet-valid')
    assert.equal(code(devQuote, { measurements: { mrTd: said.measurement } }), 'measurement')
    assert.equal(code(Uint8Array.from([...devQuote, 0])), 'malformed')
    for (let at = 0; at < devQuote.length; at++) {
      assert.notEqual(code(devQuote.with(at, devQuote[at]! ^ 1)), 'ok', `byte ${at}`)
    }
  })
})

describe('any evidence', () => {
  const dcap = makeDcapWorld()
  const nitro = makeNitroDocument()

  test('is known by its first bytes', () => {
    assert.deepEqual([devQuote, dcap.quote, nitro.document, textToBytes('[["JWT",""],{}]')].map(kindOfEvidence), [
      'dev',
      'dcap',
      'nitro',
      'nvidia',
    ])
    for (const { quote } of readPublicQuotes()) assert.equal(kindOfEvidence(quote), 'dcap')
    const folder = join(import.meta.dirname, '../../../vectors/attestation/nitro')
    assert.equal(kindOfEvidence(new Uint8Array(readFileSync(join(folder, 'december-2024.document')))), 'nitro')
    assert.equal(judge(new Uint8Array()), 'unsupported')
    assert.equal(judge(textToBytes('hello')), 'unsupported')
    assert.equal(judge(textToBytes('[')), 'malformed')
  })

  test('of each kind reaches its verifier', () => {
    assert.equal(judge(dcap.quote, dcap.policy, dcap.collateral), 'tdx')
    const december = readFileSync(
      join(import.meta.dirname, '../../../vectors/attestation/nitro/december-2024.document'),
    )
    assert.equal(judge(new Uint8Array(december), { atSeconds: 1_734_707_282 }), 'nitro')
    assert.equal(
      judge(new Uint8Array(december), { atSeconds: 1_734_707_282, reportData: new Uint8Array(64) }),
      'report-data',
    )
    assert.equal(judge(textToBytes('[["JWT","a.b.c"],{"GPU-0":"a.b.c"}]'), {}, { keys: [] }), 'malformed')
  })

  test('a demand that its kind cannot meet refuses it', () => {
    const bytes = new Uint8Array(48)
    const unmet: [Uint8Array, Partial<AttestationPolicy>, string][] = [
      [nitro.document, { measurements: { mrTd: bytes } }, 'measurement'],
      [devQuote, { allowDev: true, measurements: { mrTd: bytes } }, 'measurement'],
      [devQuote, { allowDev: true, pcrs: { 0: bytes } }, 'measurement'],
      [devQuote, { allowDev: true, nonce: bytes }, 'nonce'],
      [dcap.quote, { nonce: bytes }, 'nonce'],
      [dcap.quote, { pcrs: { 0: bytes } }, 'measurement'],
      [dcap.quote, { userData: bytes }, 'report-data'],
      [dcap.quote, { publicKey: bytes }, 'report-data'],
      [dcap.quote, { models: ['GH100'] }, 'measurement'],
      [textToBytes('[]'), { reportData: bytes }, 'report-data'],
    ]
    for (const [evidence, policy, code] of unmet)
      assert.equal(judge(evidence, { ...dcap.policy, ...policy }, dcap.collateral), code)
  })

  test('whatever comes gets a verdict', () => {
    const any = fc.oneof(
      damaged(devQuote),
      damaged(dcap.quote),
      damaged(nitro.document),
      fc.uint8Array({ maxLength: 400 }),
    )
    fc.assert(
      fc.property(any, (bytes) => {
        assert.equal(typeof verifyAttestation(bytes, dcap.collateral, { ...dcap.policy, allowDev: true }).ok, 'boolean')
      }),
      fuzzRuns(200),
    )
  })
})
