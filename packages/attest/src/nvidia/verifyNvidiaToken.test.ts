import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { concatBytes, textToBytes } from '@weightless/codec'
import { damagedJson, fuzzRuns } from '@weightless/codec/testing/fuzz'
import { nistPublicKey, nistSign, sha256 } from '@weightless/crypto'
import '@weightless/env/node'
import fc from 'fast-check'
import { toHex } from '../x509/certificate.ts'
import { type NvidiaPolicy, verifyNvidiaToken } from './verifyNvidiaToken.ts'

type Claims = { [claim: string]: unknown }
const atSeconds = 1_750_000_000
const secret = new Uint8Array(48).fill(21)
const nonce = new Uint8Array(32).fill(7)
const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64url')

function keySetOf(key: Uint8Array) {
  const point = nistPublicKey('P-384', key)
  return {
    keys: [{ kid: 'test', kty: 'EC', crv: 'P-384', x: base64(point.subarray(1, 49)), y: base64(point.subarray(49)) }],
  }
}

function makeToken(claims: Claims, head: Claims = { alg: 'ES384', kid: 'test' }, key: Uint8Array = secret): string {
  const signed = `${base64(JSON.stringify(head))}.${base64(JSON.stringify(claims))}`
  return `${signed}.${base64(nistSign('P-384', textToBytes(signed), key))}`
}

type Options = { overall?: Claims; device?: Claims; head?: Claims; key?: Uint8Array; digest?: string; swap?: string }

function makeAnswer(options: Options = {}): unknown {
  const common = {
    iss: 'https://nras.attestation.nvidia.com',
    nbf: atSeconds - 10,
    exp: atSeconds + 3_600,
    eat_nonce: toHex(nonce),
  }
  const device = makeToken({
    ...common,
    hwmodel: 'GH100',
    secboot: true,
    dbgstat: 'disabled',
    measres: 'success',
    'x-nvidia-gpu-driver-version': '1.2',
    'x-nvidia-gpu-attestation-report-nonce-match': true,
    ...options.device,
  })
  const digest = options.digest ?? toHex(sha256(textToBytes(device)))
  const overall = {
    ...common,
    'x-nvidia-overall-att-result': true,
    submods: { 'GPU-0': ['DIGEST', ['SHA-256', digest]] },
    ...options.overall,
  }
  return [['JWT', makeToken(overall, options.head, options.key)], { [options.swap ?? 'GPU-0']: device }]
}

function judge(options: Options = {}, policy: Partial<NvidiaPolicy> = {}): string {
  const verdict = verifyNvidiaToken(makeAnswer(options), keySetOf(secret), { atSeconds, nonce, ...policy })
  return verdict.ok ? 'ok' : verdict.code
}

describe('answers of NVIDIA', () => {
  test('what is accepted, and what it says', () => {
    const verdict = verifyNvidiaToken(makeAnswer(), keySetOf(secret), { atSeconds, nonce, models: ['GH100'] })
    assert.ok(verdict.ok)
    const device = { name: 'GPU-0', model: 'GH100', driver: '1.2', vbios: undefined, isDebug: false }
    assert.deepEqual(verdict.value, { tee: 'nvidia', nonce: toHex(nonce), devices: [device] })
  })

  test('who signed', () => {
    assert.equal(judge({ key: new Uint8Array(48).fill(22) }), 'signature')
    assert.equal(judge({ head: { alg: 'ES384', kid: 'other' } }), 'chain')
    assert.equal(judge({ head: { alg: 'none', kid: 'test' } }), 'unsupported')
    assert.equal(judge({ head: { alg: 'HS256', kid: 'test' } }), 'unsupported')
    assert.equal(judge({ head: { alg: 'ES384', kid: 'test', crit: ['b64'] } }), 'malformed')
    assert.equal(judge({ overall: { iss: 'https://example.com' } }), 'chain')
    assert.equal(judge({ device: { iss: 'https://example.com' } }), 'chain')
    const bare = verifyNvidiaToken(makeAnswer(), undefined, { atSeconds })
    assert.equal(!bare.ok && bare.code, 'collateral')
  })

  test('the token of a device is the one that the overall token names', () => {
    assert.equal(judge({ digest: '00'.repeat(32) }), 'binding')
    assert.equal(judge({ swap: 'GPU-1' }), 'binding')
    assert.equal(judge({ overall: { submods: {} } }), 'binding')
  })

  test('times and nonce, of the whole and of a device', () => {
    for (const part of ['overall', 'device'] as const) {
      assert.equal(judge({ [part]: { exp: atSeconds - 1 } }), 'expired')
      assert.equal(judge({ [part]: { nbf: atSeconds + 1 } }), 'not-yet-valid')
      assert.equal(judge({ [part]: { eat_nonce: '00'.repeat(32) } }), 'nonce')
      assert.equal(judge({ [part]: { eat_nonce: '00'.repeat(32) } }, { nonce: undefined }), 'nonce')
    }
  })

  test('what the service says', () => {
    assert.equal(judge({ overall: { 'x-nvidia-overall-att-result': false } }), 'claims')
    assert.equal(judge({ device: { measres: 'fail' } }), 'claims')
    assert.equal(judge({ device: { secboot: false } }), 'claims')
    assert.equal(judge({ device: { 'x-nvidia-gpu-attestation-report-nonce-match': false } }), 'claims')
    assert.equal(judge({ device: { dbgstat: 'enabled' } }), 'debug')
    assert.equal(judge({ device: { dbgstat: 'enabled' } }, { allowDebug: true }), 'ok')
    assert.equal(judge({}, { models: ['GB200'] }), 'measurement')
  })

  test('one character of any token changed, and it is refused', () => {
    const [[, overall], { 'GPU-0': device }] = makeAnswer() as [[string, string], { 'GPU-0': string }]
    for (const [i, token] of [overall, device].entries()) {
      for (let at = 0; at < token.length; at++) {
        const changed = token.slice(0, at) + String.fromCharCode(token.charCodeAt(at) ^ 1) + token.slice(at + 1)
        const answer = i === 0 ? [['JWT', changed], { 'GPU-0': device }] : [['JWT', overall], { 'GPU-0': changed }]
        assert.equal(verifyNvidiaToken(answer, keySetOf(secret), { atSeconds, nonce }).ok, false, `${i} at ${at}`)
      }
    }
  })

  test('damaged answers, key sets and claims get a verdict', () => {
    const claims = { a: 1, submods: { 'GPU-0': ['DIGEST', ['SHA-256', '']] }, hwmodel: 'GH100' }
    const arbitrary = fc.tuple(
      damagedJson(makeAnswer()),
      damagedJson(keySetOf(secret)),
      damagedJson(claims),
      fc.boolean(),
    )
    fc.assert(
      fc.property(arbitrary, ([answer, keys, bent, isSigned]) => {
        const given = isSigned ? makeAnswer({ overall: bent as Claims, device: bent as Claims }) : answer
        assert.equal(typeof verifyNvidiaToken(given, isSigned ? keySetOf(secret) : keys, { atSeconds }).ok, 'boolean')
      }),
      fuzzRuns(100),
    )
    assert.equal(
      verifyNvidiaToken([['JWT', 'x'.repeat(40_000)], { a: 'b' }], keySetOf(secret), { atSeconds }).ok,
      false,
    )
    assert.equal(verifyNvidiaToken(concatBytes([]), keySetOf(secret), { atSeconds }).ok, false)
  })
})
