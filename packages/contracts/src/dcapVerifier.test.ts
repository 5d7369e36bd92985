import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type TcbStatus, tcbStatuses, verifyDcapQuote } from '@weightless/attest'
import { intelRoot } from '@weightless/attest/roots'
import { keys, makeDcapWorld, serials, type WorldOptions, worldSeconds } from '@weightless/attest/testing/makeDcapWorld'
import { codeOfRefusal, readPublicQuotes } from '@weightless/attest/testing/publicQuotes'
import { createEvm, emptyStateRoot } from '@weightless/evm'
import { bytesToHex, decodeErrorResult, encodeDeployData, hexToBytes, keccak256 } from 'viem'
import { createAttestationRig, refusalIn } from '../scripts/attestationRig.ts'
import { createRig } from '../scripts/contractRig.ts'
import { p256Precompile, p256Question } from '../scripts/planAttestation.ts'
import { presets } from '../scripts/presets.ts'
import { abis } from './abis.ts'
import { intelCertificatesBytecode } from './bytecode/intelCertificates.generated.ts'

const day = 86_400
const quotes = readPublicQuotes()
const rigs = new Map<string, ReturnType<typeof openPublic>>()

/** Intel's contracts at the quote's time, with its collateral. */
async function openPublic(name: string) {
  const found = quotes.find((quote) => quote.name === name)!
  const rig = await createAttestationRig(found.recorded.atSeconds)
  for (const { what, result } of await rig.put(found.collateral)) assert.ok(result.ok, `${what} of ${name}`)
  return { rig, ...found }
}

function opened(name: string) {
  const known = rigs.get(name) ?? openPublic(name)
  rigs.set(name, known)
  return known
}

describe('Public quotes on chain', () => {
  for (const { name, recorded } of quotes) {
    it(`${name}: verdict, status and advisories are those of dcap-qvl`, async () => {
      const { rig, quote } = await opened(name)
      const verdict = await rig.send(rig.contracts.dcapVerifier, 'verify', [bytesToHex(quote)])
      if (recorded.refused !== undefined) return assert.equal(refusalIn(verdict), codeOfRefusal(recorded.refused))
      assert.ok(verdict.ok)
      const { status, advisories, isTdx, version } = verdict.value
      assert.deepEqual([tcbStatuses[status], [...advisories].sort()], [recorded.status, recorded.advisoryIds.sort()])
      assert.equal(`${isTdx ? 'tdx' : 'sgx'}-v${version}`, name.split('-').slice(0, 2).join('-'))
      assert.ok(verdict.gasUsed < 3_000_000n, `${verdict.gasUsed} gas`)
    })
  }

  for (const [name, fields] of [
    ['tdx-v4', fieldsOf(48, 584, true)],
    ['sgx-v3', fieldsOf(48, 384, false)],
  ] as const) {
    it(`${name}: one bit changed in any field, and it is refused`, async () => {
      const { rig, quote } = await opened(name)
      const text = Buffer.from(quote).indexOf('-----BEGIN')
      const inCertificates = Array.from(
        { length: 24 },
        (_, i) => text + Math.floor((i * (quote.length - text - 2)) / 24),
      )
      const accepted: number[] = []
      for (const at of [...fields, ...inCertificates]) {
        const changed = quote.with(at, quote[at]! ^ (1 << (at % 8)))
        if ((await rig.refusalOf(changed)) === undefined) accepted.push(at)
      }
      assert.deepEqual(accepted, [])
    })
  }

  it('takes zeros after the quote, and nothing else; refuses it cut anywhere', async () => {
    const { rig, quote } = await opened('tdx-v4')
    assert.equal(await rig.refusalOf(Uint8Array.from([...quote, 0, 0])), undefined)
    assert.equal(await rig.refusalOf(Uint8Array.from([...quote, 0, 1])), 'malformed')
    // the buffer that this quote came in ends in zeros
    const end = 636 + Buffer.from(quote).readUInt32LE(632)
    for (let length = 0; length < end; length += 97) {
      assert.notEqual(await rig.refusalOf(quote.subarray(0, length)), undefined)
    }
  })

  it('has its time: all collateral runs out, and is not good before it was issued', async () => {
    const { rig, quote, recorded } = await openPublic('tdx-v4')
    const verdict = await rig.must(rig.contracts.dcapVerifier, 'verify', [bytesToHex(quote)])
    const { validUntil } = verdict.value
    rig.evm.block.timestamp = validUntil
    assert.equal(await rig.refusalOf(quote), undefined)
    rig.evm.block.timestamp = validUntil + 1n
    assert.equal(await rig.refusalOf(quote), 'expired')
    rig.evm.block.timestamp = BigInt(recorded.atSeconds - 30 * day)
    assert.equal(await rig.refusalOf(quote), 'not-yet-valid')
  })

  it('is nothing without collateral about its own TEE', async () => {
    const { rig } = await opened('tdx-v4')
    const sgx = quotes.find(({ name }) => name === 'sgx-v3')!
    assert.equal(await rig.refusalOf(sgx.quote), 'collateral')
  })
})

/** The first byte of each field of header, body and signature data (attestation.md 3.1 and 3.2). */
function fieldsOf(body: number, bodyBytes: number, isTdx: boolean): number[] {
  const sgx = [0, 16, 20, 48, 64, 96, 128, 160, 256, 258, 260, 320]
  const td = [0, 16, 64, 112, 120, 128, 136, 184, 232, 280, 328, 376, 424, 472, 520]
  const end = body + bodyBytes
  const qe = end + 4 + 128 + (isTdx ? 6 : 0)
  return [
    ...[0, 2, 4, 8, 10, 12, 28],
    ...(isTdx ? td : sgx).map((at) => body + at),
    ...[0, 4, 36, 68, 100].map((at) => end + at),
    ...(isTdx ? [0, 2].map((at) => end + 132 + at) : []),
    ...sgx.map((at) => qe + at),
    // signature of the report, length and bytes of the authentication data, kind and length of the certificates
    ...[384, 416, 448, 450, 482, 484].map((at) => qe + at),
  ]
}

const pemOf = (quote: Uint8Array) => Buffer.from(quote.subarray(Buffer.from(quote).indexOf('-----BEGIN'))).toString()

/** A TDX quote of version 4 with other certificates; no signature covers their lengths. */
function withPem(quote: Uint8Array, pem: string): Uint8Array {
  const text = Buffer.from(quote).indexOf('-----BEGIN')
  const changed = Buffer.concat([quote.subarray(0, text), Buffer.from(pem)])
  const end = 48 + 584
  // of the signature data, of what certifies the quoting enclave, of the certificates
  for (const at of [end, end + 4 + 128 + 2, text - 4]) changed.writeUInt32LE(changed.length - at - 4, at)
  return new Uint8Array(changed)
}

/** What contract and verifier off chain say of a world of tests, both by their own words. */
async function sayBoth(options: WorldOptions, laterSeconds = 0): Promise<[string, string]> {
  const { quote, collateral, policy } = makeDcapWorld(options)
  const rig = await createAttestationRig(worldSeconds, policy.root.bytes)
  const refused = (await rig.put(collateral)).map(({ result }) => refusalIn(result)).find((code) => code !== undefined)
  rig.evm.block.timestamp += BigInt(laterSeconds)
  const said = await rig.send(rig.contracts.dcapVerifier, 'verify', [bytesToHex(quote)])
  const onChain = said.ok ? say(tcbStatuses[said.value.status]!, said.value.advisories) : (refused ?? refusalIn(said)!)
  const atSeconds = worldSeconds + laterSeconds
  const verdict = verifyDcapQuote(quote, collateral, { ...policy, atSeconds, allowStatuses: tcbStatuses })
  return [onChain, verdict.ok ? say(verdict.value.status, verdict.value.advisoryIds) : verdict.code]
}

const say = (status: TcbStatus, advisories: readonly string[]) => [status, ...[...advisories].sort()].join(' ')
const svn = (value: number) => Uint8Array.from([3, 1, ...new Array(14).fill(value)])
const dated = (name: string, days: number) => (json: { [name: string]: unknown }) => {
  json[name] = new Date((worldSeconds + days * day) * 1000).toISOString().replace('.000', '')
}

describe('Quotes of an authority of the tests, on chain and off', () => {
  const worlds: [what: string, options: WorldOptions, expected: string][] = [
    ['SGX, version 3', { kind: 'sgx' }, 'UpToDate'],
    ['TDX 1.0, version 4', {}, 'UpToDate'],
    ['TDX 1.5, version 5', { kind: 'tdx-1.5' }, 'UpToDate'],
    ['another key than the quoting enclave reports', { signers: { quote: keys.stranger } }, 'signature'],
    ['a report by another platform', { signers: { qeReport: keys.stranger } }, 'signature'],
    ['a key that is not reported', { qeBody: { 320: new Uint8Array(32) } }, 'binding'],
    ['more than a key that is reported', { qeBody: { 352: Uint8Array.of(1) } }, 'binding'],
    ['a TCB info by somebody else', { signers: { tcbInfo: keys.pck } }, 'signature'],
    ['a QE identity by somebody else', { signers: { qeIdentity: keys.pck } }, 'signature'],
    ['a revocation list by somebody else', { signers: { pckList: keys.stranger } }, 'signature'],
    ['a PCK certificate of another purpose', { names: { pck: 'Intel SGX TCB Signing' } }, 'chain'],
    ['a signer of another purpose', { names: { tcbSigner: 'Intel SGX PCK Certificate' } }, 'chain'],
    ['an authority of another purpose', { names: { pckAuthority: 'Intel SGX Root CA' } }, 'chain'],
    ['a revoked PCK certificate', { revoked: { pck: [77, serials.pck] } }, 'revoked'],
    ['a revoked authority', { revoked: { root: [serials.pckAuthority] } }, 'revoked'],
    ['a revoked signer', { revoked: { root: [serials.tcbSigner] } }, 'revoked'],
    ['a revoked root', { revoked: { root: [serials.root] } }, 'revoked'],
    ['a PCK certificate that is an authority', { certificates: { pck: { isAuthority: true } } }, 'chain'],
    ['a PCK key that may not sign', { certificates: { pck: { keyUsage: 0x06 } } }, 'chain'],
    ['an authority that is none', { certificates: { pckAuthority: { isAuthority: false, keyUsage: 0x06 } } }, 'chain'],
    ['an authority that may not issue', { certificates: { pckAuthority: { keyUsage: 0x02 } } }, 'chain'],
    ['an authority that may not sign lists', { certificates: { pckAuthority: { keyUsage: 0x04 } } }, 'chain'],
    ['a signer that is an authority', { certificates: { tcbSigner: { isAuthority: true } } }, 'chain'],
    ['a PCK certificate without a platform', { certificates: { pck: { extensions: [] } } }, 'chain'],
    ['others revoked', { revoked: { pck: Array.from({ length: 90 }, (_, i) => 100 + i), root: [78] } }, 'UpToDate'],
    ['a TCB info out of date', { tcbInfo: dated('nextUpdate', -0.5) }, 'expired'],
    ['a TCB info of tomorrow', { tcbInfo: dated('issueDate', 0.5) }, 'not-yet-valid'],
    ['a QE identity out of date', { qeIdentity: dated('nextUpdate', -0.5) }, 'expired'],
    ['an older level', { body: { 0: svn(3) } }, 'OutOfDate TEST-OLD'],
    ['older than any level', { body: { 0: svn(2) } }, 'tcb-level'],
    ['levels out of order', { tcbInfo: (info) => info.tcbLevels.reverse() }, 'UpToDate'],
    ['a revoked level', { tcbInfo: (info) => (info.tcbLevels[0]!.tcbStatus = 'Revoked') }, 'tcb-status'],
    [
      'a higher PCESVN asked',
      {
        tcbInfo({ tcbLevels }) {
          for (const { tcb } of tcbLevels) tcb.pcesvn = 14
        },
      },
      'tcb-level',
    ],
    [
      'one SGX component too low',
      { tcbInfo: (info) => (info.tcbLevels[0]!.tcb.sgxtcbcomponents[15]!.svn = 6) },
      'OutOfDate TEST-OLD',
    ],
    ['other processors', { tcbInfo: (info) => (info.fmspc = '00A067110001') }, 'collateral'],
    ['another provisioning enclave', { tcbInfo: (info) => (info.pceId = '0100') }, 'collateral'],
    ['an unknown module', { body: { 0: Uint8Array.from([3, 2]) } }, 'tdx-module'],
    ['an older module', { body: { 0: Uint8Array.from([1, 1]) } }, 'OutOfDate TEST-MODULE'],
    ['a module of another signer', { body: { 64: Uint8Array.of(1) } }, 'tdx-module'],
    ['a module with other attributes', { body: { 112: Uint8Array.of(1) } }, 'tdx-module'],
    ['a module of version 0', { body: { 0: Uint8Array.from([5, 0]) } }, 'tcb-level'],
    ['an older quoting enclave', { qeBody: { 258: Uint8Array.of(5) } }, 'OutOfDate TEST-QE'],
    ['a quoting enclave older than any', { qeBody: { 258: Uint8Array.of(1) } }, 'tcb-level'],
    ['launched before an update', { kind: 'tdx-1.5', body: { 0: svn(3) } }, 'TDRelaunchAdvised TEST-OLD'],
    ['another signer of the quoting enclave', { qeBody: { 128: Uint8Array.of(0) } }, 'qe-identity'],
    ['another product', { qeBody: { 256: Uint8Array.of(3) } }, 'qe-identity'],
    ['another MISCSELECT', { qeBody: { 16: Uint8Array.of(1) } }, 'qe-identity'],
    ['other attributes of the quoting enclave', { qeBody: { 48: Uint8Array.of(1) } }, 'qe-identity'],
    ['a debug quoting enclave', { qeBody: { 48: Uint8Array.of(2) } }, 'debug'],
    ['a debug enclave', { kind: 'sgx', body: { 48: Uint8Array.of(2) } }, 'debug'],
    ['a debug domain', { body: { 120: Uint8Array.of(1) } }, 'debug'],
    ['a domain that is profiled', { body: { 120: Uint8Array.of(16) } }, 'debug'],
    ['exceptions injected by the host', { body: { 123: Uint8Array.of(0) } }, 'attributes'],
    ['a domain that migrates', { body: { 123: Uint8Array.of(0x30) } }, 'attributes'],
    ['a reserved attribute', { body: { 120: Uint8Array.of(2) } }, 'attributes'],
    ['a service domain', { kind: 'tdx-1.5', body: { 600: Uint8Array.of(1) } }, 'attributes'],
  ]
  for (const [what, options, expected] of worlds) {
    it(`${what}: ${expected}`, async () => assert.deepEqual(await sayBoth(options), [expected, expected]))
  }

  const runsOut: [what: string, options: WorldOptions][] = [
    ...(['root', 'pckAuthority', 'pck', 'tcbSigner'] as const).map((name): [string, WorldOptions] => [
      `the certificate of ${name}`,
      { certificates: { [name]: { to: worldSeconds + day } } },
    ]),
    ...(['root', 'pck'] as const).map((name): [string, WorldOptions] => [
      `the list of ${name}`,
      { lists: { [name]: { from: worldSeconds - day, to: worldSeconds + day } } },
    ]),
    ['the TCB info', { tcbInfo: dated('nextUpdate', 1) }],
    ['the QE identity', { qeIdentity: dated('nextUpdate', 1) }],
  ]
  for (const [what, options] of runsOut) {
    it(`${what} has run out since it was cached`, async () => {
      assert.deepEqual(await sayBoth(options, day), ['UpToDate', 'UpToDate'])
      assert.deepEqual(await sayBoth(options, day + 1), ['expired', 'expired'])
    })
  }

  it('certificates and lists of a later time', async () => {
    const later = { from: worldSeconds + day }
    for (const name of ['pckAuthority', 'pck', 'tcbSigner'] as const) {
      const said = await sayBoth({ certificates: { [name]: later } })
      assert.deepEqual(said, ['not-yet-valid', 'not-yet-valid'], name)
    }
    const list = { ...later, to: worldSeconds + 2 * day }
    assert.deepEqual(await sayBoth({ lists: { root: list } }), ['not-yet-valid', 'not-yet-valid'])
    assert.deepEqual(await sayBoth({ lists: { pck: list } }), ['not-yet-valid', 'not-yet-valid'])
  })

  it('certificates of a quote: with and without the root, line ends anywhere, and nothing else between them', async () => {
    const { quote, collateral, policy } = makeDcapWorld()
    const rig = await createAttestationRig(worldSeconds, policy.root.bytes)
    await rig.put(collateral)
    const blocks = pemOf(quote).split(/(?<=-----END CERTIFICATE-----\n)/)
    const [leaf, authority, root] = blocks as [string, string, string]
    assert.equal(blocks.length, 3)
    const wrapped = leaf.replace(/[A-Za-z0-9+/]{64}/g, '$&\r\n')
    const cases: [chain: string, expected: string | undefined][] = [
      [leaf + authority + root, undefined],
      [leaf + authority, undefined],
      [`${wrapped}\n\n${authority}${root}\0`, undefined],
      [leaf, 'chain'],
      [authority + leaf, 'signature'],
      [leaf + authority + root + root, 'chain'],
      [`${leaf}text${authority}`, 'malformed'],
      [` ${leaf}${authority}`, 'malformed'],
      [leaf.replace('\n', '') + authority, 'malformed'],
      [leaf.replace('-----END', '!-----END') + authority, 'malformed'],
      [leaf.replace('-----END', '=-----END') + authority, 'malformed'],
      ['', 'malformed'],
    ]
    for (const [chain, expected] of cases) {
      const changed = withPem(quote, chain)
      assert.equal(await rig.refusalOf(changed), expected, chain)
      const verdict = verifyDcapQuote(changed, collateral, policy)
      assert.equal(verdict.ok, expected === undefined, chain)
    }
  })

  it('nothing of another root', async () => {
    const { quote, collateral } = makeDcapWorld()
    const rig = await createAttestationRig(worldSeconds)
    const refusals = (await rig.put(collateral)).map(({ result }) => refusalIn(result))
    assert.deepEqual(refusals, ['chain', 'chain', 'chain', 'chain', 'collateral', 'collateral'])
    assert.equal(await rig.refusalOf(quote), 'chain')
  })
})

describe('The devnet', () => {
  it("trusts Intel's root, and its contracts ask one another", async () => {
    const { must, contracts } = await createRig()
    const { intelCertificates, tcbRegistry, dcapVerifier, teeKeys } = contracts
    assert.equal((await must(intelCertificates, 'rootHash', [])).value, keccak256(intelRoot.bytes))
    assert.equal((await must(tcbRegistry, 'certificates', [])).value, intelCertificates.address)
    assert.equal((await must(dcapVerifier, 'registry', [])).value, tcbRegistry.address)
    assert.equal((await must(dcapVerifier, 'certificates', [])).value, intelCertificates.address)
    assert.equal((await must(teeKeys, 'verifier', [])).value, dcapVerifier.address)
    assert.equal((await must(teeKeys, 'freshSeconds', [])).value, presets.weightless.teeKeyFreshSeconds)
  })
})

describe('A chain without the precompile for P-256', () => {
  it('does not get the contracts: the root, whose signature they check, is refused', async () => {
    const evm = await createEvm(() => undefined)
    const zero = new Uint8Array(20)
    const block = { number: 1, timestamp: worldSeconds, coinbase: zero, gasLimit: 10n ** 8n, baseFeePerGas: 0n }
    const around = { ...block, prevRandao: new Uint8Array(32), chainId: 1, blockHashes: [] }
    const { abi, bytecode } = { abi: abis.intelCertificates, bytecode: intelCertificatesBytecode }
    const ask = (spec: 'cancun' | 'cancun-p256', data: `0x${string}`, to?: Uint8Array) =>
      evm.call({ stateRoot: emptyStateRoot, block: { ...around, spec }, data: hexToBytes(data), ...(to && { to }) })
    const root = bytesToHex(intelRoot.bytes)
    const deploy = encodeDeployData({ abi, bytecode, args: [root] })
    assert.equal(ask('cancun-p256', deploy).status, 'success')
    const refused = ask('cancun', deploy)
    assert.ok(refused.status === 'revert')
    assert.deepEqual(decodeErrorResult({ abi, data: bytesToHex(refused.output) }).args, [7])
    const precompile = hexToBytes(p256Precompile)
    for (const [spec, answer] of [
      ['cancun-p256', `0x${'00'.repeat(31)}01`],
      ['cancun', '0x'],
    ] as const) {
      const said = ask(spec, p256Question(), precompile)
      assert.equal(said.status === 'success' && bytesToHex(said.output), answer)
    }
  })
})

describe('Cached collateral', () => {
  it('gives way to what is newer, and to nothing else', async () => {
    const { collateral, policy } = makeDcapWorld()
    const rig = await createAttestationRig(worldSeconds, policy.root.bytes)
    await rig.put(collateral)
    const errors = (await rig.put(collateral)).map(({ result }) => (result.ok ? 'taken' : result.error))
    assert.deepEqual(errors, ['taken', 'taken', 'NotNewer', 'NotNewer', 'NotNewer', 'NotNewer'])
    const later = (evaluation: number) => (json: { [name: string]: unknown }) => {
      dated('issueDate', -0.1)(json)
      json.tcbEvaluationDataNumber = evaluation
    }
    const putBoth = async (evaluation: number) => {
      const newer = makeDcapWorld({ tcbInfo: later(evaluation), qeIdentity: later(evaluation) })
      const results = await rig.put(newer.collateral)
      return results.slice(-2).map(({ result }) => (result.ok ? 'taken' : result.error))
    }
    assert.deepEqual(await putBoth(16), ['NotNewer', 'NotNewer'])
    assert.deepEqual(await putBoth(18), ['taken', 'taken'])
  })
})
