import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { hexToBytes } from '@weightless/codec'
import { damaged, fuzzRuns } from '@weightless/codec/testing/fuzz'
import '@weightless/env/node'
import fc from 'fast-check'
import {
  array,
  bytes,
  makeNitroDocument,
  map,
  type NitroOptions,
  nitroStranger,
  number,
  text,
} from '../testing/makeNitroDocument.ts'
import { readCbor } from './readCbor.ts'
import { type NitroPolicy, verifyNitroDocument } from './verifyNitroDocument.ts'

const folder = join(import.meta.dirname, '../../../../vectors/attestation/nitro')
const read = (name: string) => new Uint8Array(readFileSync(join(folder, `${name}.document`)))
const december = { document: read('december-2024'), atSeconds: 1_734_707_282 }
const september = { document: read('september-2024-debug'), atSeconds: 1_725_911_352 }

function judge(options: NitroOptions, policy: Partial<NitroPolicy> = {}): string {
  const made = makeNitroDocument(options)
  const verdict = verifyNitroDocument(made.document, { ...made.policy, ...policy })
  return verdict.ok ? 'ok' : verdict.code
}

describe('real Nitro documents', () => {
  test('one of December 2024 leads to the root of AWS', () => {
    const verdict = verifyNitroDocument(december.document, december)
    assert.ok(verdict.ok)
    const { moduleId, timestampMs, pcrs, isDebug, nonce, publicKey } = verdict.value
    assert.deepEqual(
      [moduleId, timestampMs, isDebug],
      ['i-0fe9a96ed626c76df-enc0193e15ad6e67841', 1_734_707_282_370, false],
    )
    assert.deepEqual([nonce, publicKey?.length, pcrs.size], [undefined, 32, 19])
    const pcr2 = '0x526d6a1a52705edc60213212538aaaa5c917a22b493ce884ea77ac1801fd5a0a962d884ef23a687b306c437b9298ff41'
    assert.deepEqual(pcrs.get(2), hexToBytes(pcr2))
    assert.ok(verifyNitroDocument(december.document, { ...december, pcrs: { 2: hexToBytes(pcr2) } }).ok)
  })

  test('one of an enclave in debug mode is refused unless that is allowed', () => {
    const verdict = verifyNitroDocument(september.document, september)
    assert.equal(!verdict.ok && verdict.code, 'debug')
    const allowed = verifyNitroDocument(september.document, { ...september, allowDebug: true })
    assert.equal(allowed.ok && allowed.value.isDebug, true)
  })

  test('one that its publisher spoilt is refused', () => {
    const verdict = verifyNitroDocument(read('july-2024-debug'), { atSeconds: 1_721_770_180, allowDebug: true })
    assert.equal(!verdict.ok && verdict.code, 'signature')
  })

  test('it has its time', () => {
    const late = verifyNitroDocument(december.document, { atSeconds: december.atSeconds + 11_000 })
    const early = verifyNitroDocument(december.document, { atSeconds: december.atSeconds - 60 })
    assert.equal(!late.ok && late.code, 'expired')
    assert.equal(!early.ok && early.code, 'not-yet-valid')
  })

  test('one bit of any byte changed, and it is refused', () => {
    const { document } = december
    const step = Number(process.env.WEIGHTLESS_FUZZ ?? 0) > 0 ? 1 : 7
    const accepted: number[] = []
    for (let at = 0; at < document.length; at += at < 64 || at > document.length - 110 ? 1 : step) {
      const copy = document.slice()
      copy[at]! ^= 1 << (at % 8)
      if (verifyNitroDocument(copy, december).ok) accepted.push(at)
    }
    assert.deepEqual(accepted, [])
  })
})

describe('Nitro documents', () => {
  test('as modules write them: closed map, open map, with COSE tag', () => {
    assert.equal(judge({}), 'ok')
    assert.equal(judge({ isOpen: true }), 'ok')
    const { document, policy } = makeNitroDocument()
    assert.ok(verifyNitroDocument(Uint8Array.of(0xd2, ...document), policy).ok)
  })

  test('another key, another root, another algorithm, unsigned fields', () => {
    assert.equal(judge({ signer: nitroStranger }), 'signature')
    const { document, policy } = makeNitroDocument()
    const verdict = verifyNitroDocument(document, { atSeconds: policy.atSeconds })
    assert.equal(!verdict.ok && verdict.code, 'chain')
    assert.equal(judge({ head: bytes(Uint8Array.from([0xa1, 0x01, 0x26])) }), 'unsupported')
    assert.equal(judge({ extra: map(new Map([[number(4), bytes(Uint8Array.of(1))]])) }), 'malformed')
    assert.equal(judge({ fields: { cabundle: array([]) } }), 'malformed')
  })

  test('what the user demands', () => {
    assert.equal(
      judge(
        {},
        { publicKey: Uint8Array.of(1, 2), userData: Uint8Array.of(3), pcrs: { 1: new Uint8Array(48).fill(2) } },
      ),
      'ok',
    )
    assert.equal(judge({}, { publicKey: Uint8Array.of(1, 3) }), 'report-data')
    assert.equal(judge({}, { userData: Uint8Array.of(3, 0) }), 'report-data')
    assert.equal(judge({}, { nonce: Uint8Array.of(1) }), 'nonce')
    assert.equal(judge({ fields: { nonce: bytes(Uint8Array.of(1)) } }, { nonce: Uint8Array.of(1) }), 'ok')
    assert.equal(judge({}, { pcrs: { 1: new Uint8Array(48).fill(3) } }), 'measurement')
    assert.equal(judge({}, { pcrs: { 9: new Uint8Array(48) } }), 'measurement')
    const debug = { fields: { pcrs: map(new Map([[number(0), bytes(new Uint8Array(48))]])) } }
    assert.equal(judge(debug), 'debug')
    assert.equal(judge({ fields: { pcrs: map(new Map([[number(1), bytes(new Uint8Array(48).fill(1))]])) } }), 'debug')
    assert.equal(judge(debug, { allowDebug: true }), 'ok')
  })

  test('fields of another form', () => {
    const bent: NonNullable<NitroOptions['fields']>[] = [
      { module_id: undefined },
      { module_id: text('') },
      { timestamp: number(0) },
      { timestamp: text('now') },
      { pcrs: map(new Map()) },
      { pcrs: map(new Map([[number(32), bytes(new Uint8Array(48))]])) },
      { pcrs: map(new Map([[number(0), bytes(new Uint8Array(32))]])) },
      { certificate: bytes(new Uint8Array()) },
      { certificate: bytes(new Uint8Array(9_000)) },
      { cabundle: bytes(Uint8Array.of(1)) },
      { nonce: text('nonce') },
      { user_data: bytes(new Uint8Array(1_025)) },
      { unknown: number(1) },
    ]
    for (const fields of bent) assert.equal(judge({ fields }), 'malformed', JSON.stringify(Object.keys(fields)))
    assert.equal(judge({ fields: { digest: text('SHA256') } }), 'unsupported')
  })

  test('a damaged document gets a verdict', () => {
    const { document, policy } = makeNitroDocument()
    fc.assert(
      fc.property(
        fc.oneof(damaged(document), damaged(december.document), fc.uint8Array({ maxLength: 200 })),
        (given) => {
          assert.equal(typeof verifyNitroDocument(given, policy).ok, 'boolean')
        },
      ),
      fuzzRuns(300),
    )
  })
})

describe('CBOR', () => {
  const refused = (hex: string) => assert.throws(() => readCbor(hexToBytes(hex)), { refusalCode: 'malformed' }, hex)

  test('what is read', () => {
    assert.deepEqual(readCbor(hexToBytes('8401382243010203f6')), [1, -35, Uint8Array.of(1, 2, 3), null])
    assert.deepEqual(readCbor(hexToBytes('bf61611864ff')), new Map([['a', 100]]))
    assert.deepEqual(readCbor(hexToBytes('1b0000001000000000')), 2 ** 36)
  })

  test('what is refused', () => {
    for (const hex of [
      '',
      '01 00',
      '1817',
      '190017',
      '1a0000ffff',
      '1b00000000ffffffff',
      '1bffffffffffffffff',
      '5803aa',
      '61ff',
      'c001',
      'f4',
      'f97e00',
      '1c',
      '5f41ff',
      '9f01',
      'a2010101',
      'a20101 0102',
      'a14000',
      '9bffffffffffffffff',
      '81818181818101',
    ]) {
      refused(hex.replaceAll(' ', ''))
    }
    refused(`9f${'01'.repeat(257)}ff`)
  })
})
