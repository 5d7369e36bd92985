import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { damaged, damagedJson, fuzzRuns } from '@weightless/codec/testing/fuzz'
import '@weightless/env/node'
import fc from 'fast-check'
import { keys, makeDcapWorld, serials, type WorldOptions, worldSeconds } from '../testing/makeDcapWorld.ts'
import type { DcapPolicy } from './dcapPolicy.ts'
import { tcbStatuses } from './tcbStatus.ts'
import { verifyDcapQuote } from './verifyDcapQuote.ts'

function judge(options: WorldOptions, policy: Partial<DcapPolicy> = {}): string {
  const world = makeDcapWorld(options)
  const verdict = verifyDcapQuote(world.quote, world.collateral, { ...world.policy, ...policy })
  return verdict.ok ? [verdict.value.status, ...verdict.value.advisoryIds].join(' ') : verdict.code
}

type Info = Parameters<NonNullable<WorldOptions['tcbInfo']>>[0]

const everyStatus = { allowStatuses: tcbStatuses }

describe('forms of quotes', () => {
  const forms: WorldOptions[] = [
    { kind: 'sgx', version: 3 },
    { kind: 'sgx', version: 4 },
    { kind: 'sgx', version: 5 },
    { kind: 'tdx-1.0', version: 4 },
    { kind: 'tdx-1.0', version: 5 },
    { kind: 'tdx-1.5', version: 5 },
  ]
  for (const form of forms) {
    test(`${form.kind} in version ${form.version}`, () => assert.equal(judge(form), 'UpToDate'))
  }

  test('bytes after the quote, unless they are zero', () => {
    const { quote, collateral, policy } = makeDcapWorld()
    assert.ok(verifyDcapQuote(Uint8Array.from([...quote, 0, 0]), collateral, policy).ok)
    const verdict = verifyDcapQuote(Uint8Array.from([...quote, 1]), collateral, policy)
    assert.equal(!verdict.ok && verdict.code, 'malformed')
  })

  test('cut anywhere, without collateral, or far too large', () => {
    const { quote, collateral, policy } = makeDcapWorld()
    for (let length = 0; length < quote.length; length += 17) {
      assert.equal(verifyDcapQuote(quote.subarray(0, length), collateral, policy).ok, false)
    }
    const bare = verifyDcapQuote(quote, undefined, policy)
    assert.equal(!bare.ok && bare.code, 'collateral')
    const large = verifyDcapQuote(new Uint8Array(40_000), collateral, policy)
    assert.equal(!large.ok && large.code, 'malformed')
  })
})

describe('who signed', () => {
  test('the quote: another key than the quoting enclave reports', () =>
    assert.equal(judge({ signers: { quote: keys.stranger } }), 'signature'))
  test('the report of the quoting enclave: another platform', () =>
    assert.equal(judge({ signers: { qeReport: keys.stranger } }), 'signature'))
  test('an attestation key that the quoting enclave does not report', () =>
    assert.equal(judge({ qeBody: { 320: new Uint8Array(32) } }), 'binding'))
  test('the TCB info', () => assert.equal(judge({ signers: { tcbInfo: keys.pck } }), 'signature'))
  test('the QE identity', () => assert.equal(judge({ signers: { qeIdentity: keys.pck } }), 'signature'))
  test('the revocation list of the platforms', () =>
    assert.equal(judge({ signers: { pckList: keys.stranger } }), 'signature'))
  test('certificates of the right issuer with the wrong purpose', () => {
    assert.equal(judge({ names: { pck: 'Intel SGX TCB Signing' } }), 'chain')
    assert.equal(judge({ names: { tcbSigner: 'Intel SGX PCK Certificate' } }), 'chain')
    assert.equal(judge({ names: { pckAuthority: 'Intel SGX Root CA' } }), 'chain')
  })
  test('a root that is not the one that is trusted', () => {
    const { quote, collateral } = makeDcapWorld()
    const verdict = verifyDcapQuote(quote, collateral, { atSeconds: worldSeconds })
    assert.equal(!verdict.ok && verdict.code, 'chain')
  })
})

describe('what was revoked, what ran out', () => {
  test('the PCK certificate', () => assert.equal(judge({ revoked: { pck: [77, serials.pck] } }), 'revoked'))
  test('its authority', () => assert.equal(judge({ revoked: { root: [serials.pckAuthority] } }), 'revoked'))
  test('the signer of the TCB info', () => assert.equal(judge({ revoked: { root: [serials.tcbSigner] } }), 'revoked'))
  test('the root', () => assert.equal(judge({ revoked: { root: [serials.root] } }), 'revoked'))
  test('somebody else', () => assert.equal(judge({ revoked: { pck: [77], root: [78] } }), 'UpToDate'))

  for (const document of ['tcbInfo', 'qeIdentity'] as const) {
    test(`${document} out of date, or of tomorrow`, () => {
      const dated = (name: string, day: number) => (json: { [name: string]: unknown }) => {
        json[name] = new Date((worldSeconds + day * 86_400) * 1000).toISOString()
      }
      assert.equal(judge({ [document]: dated('nextUpdate', -0.5) }), 'expired')
      assert.equal(judge({ [document]: dated('issueDate', 0.5) }), 'not-yet-valid')
    })
  }
})

describe('the state of the platform', () => {
  const svn = (value: number) => Uint8Array.from([3, 1, ...new Array(14).fill(value)])

  test('an older level has its own status and advisories', () => {
    assert.equal(judge({ body: { 0: svn(3) } }, everyStatus), 'OutOfDate TEST-OLD')
    assert.equal(judge({ body: { 0: svn(3) } }), 'tcb-status')
    assert.equal(judge({ body: { 0: svn(2) } }, everyStatus), 'tcb-level')
  })
  test('PCESVN counts', () =>
    assert.equal(
      judge({
        tcbInfo: ({ tcbLevels }) => {
          for (const { tcb } of tcbLevels) tcb.pcesvn = 14
        },
      }),
      'tcb-level',
    ))
  test('SGX components count', () => {
    const raise = (info: Info) => {
      info.tcbLevels[0]!.tcb.sgxtcbcomponents[15]!.svn = 6
    }
    assert.equal(judge({ kind: 'sgx', tcbInfo: raise }, everyStatus), 'OutOfDate TEST-OLD')
  })
  test('levels out of order are put in order', () => {
    assert.equal(judge({ tcbInfo: (info) => info.tcbLevels.reverse() }), 'UpToDate')
  })
  test('a revoked state is never good enough', () => {
    const revoke = (info: Info) => {
      info.tcbLevels[0]!.tcbStatus = 'Revoked'
    }
    assert.equal(judge({ tcbInfo: revoke }, everyStatus), 'tcb-status')
  })
  test('other processors, another provisioning enclave, the other TEE', () => {
    assert.equal(judge({ tcbInfo: (info) => (info.fmspc = '00A067110001') }), 'collateral')
    assert.equal(judge({ tcbInfo: (info) => (info.pceId = '0100') }), 'collateral')
    assert.equal(judge({ tcbInfo: (info) => (info.id = 'SGX') }), 'collateral')
    assert.equal(judge({ qeIdentity: (identity) => (identity.id = 'QE') }), 'collateral')
  })
  test('the TDX module: unknown version, older SVN, other signer, other attributes', () => {
    assert.equal(judge({ body: { 0: Uint8Array.from([3, 2]) } }), 'tdx-module')
    assert.equal(judge({ body: { 0: Uint8Array.from([1, 1]) } }, everyStatus), 'OutOfDate TEST-MODULE')
    assert.equal(judge({ body: { 0: Uint8Array.from([0, 1]) } }), 'tdx-module')
    assert.equal(judge({ body: { 64: Uint8Array.of(1) } }), 'tdx-module')
    assert.equal(judge({ body: { 112: Uint8Array.of(1) } }), 'tdx-module')
  })
  test('the first two components count for modules of version 0 alone', () => {
    assert.equal(judge({ body: { 0: Uint8Array.from([3, 0]) } }, everyStatus), 'tcb-level')
    assert.equal(judge({ body: { 0: Uint8Array.from([5, 0]) } }, everyStatus), 'tcb-level')
    const lower = (info: Info) => {
      info.tcbLevels[1]!.tcb.tdxtcbcomponents![1]!.svn = 0
    }
    assert.equal(judge({ body: { 0: Uint8Array.from([3, 0]) }, tcbInfo: lower }, everyStatus), 'OutOfDate TEST-OLD')
  })
  test('an old quoting enclave makes the whole old', () => {
    assert.equal(judge({ qeBody: { 258: Uint8Array.of(5) } }, everyStatus), 'OutOfDate TEST-QE')
    assert.equal(judge({ qeBody: { 258: Uint8Array.of(1) } }, everyStatus), 'tcb-level')
    const configure = (info: Info) => {
      info.tcbLevels[0]!.tcbStatus = 'ConfigurationNeeded'
    }
    assert.equal(
      judge({ qeBody: { 258: Uint8Array.of(5) }, tcbInfo: configure }, everyStatus),
      'OutOfDateConfigurationNeeded TEST-QE',
    )
  })
  test('launched on what was old, and updated since', () => {
    assert.equal(judge({ kind: 'tdx-1.5', body: { 0: svn(3) } }, everyStatus), 'TDRelaunchAdvised TEST-OLD')
    assert.equal(judge({ kind: 'tdx-1.5', body: { 0: svn(3), 584: svn(3) } }, everyStatus), 'OutOfDate TEST-OLD')
    assert.equal(judge({ kind: 'tdx-1.5', body: { 0: svn(3) } }), 'tcb-status')
  })
  test('the quoting enclave: signer, product, MISCSELECT, attributes, debug', () => {
    assert.equal(judge({ qeBody: { 128: Uint8Array.of(0) } }), 'qe-identity')
    assert.equal(judge({ qeBody: { 256: Uint8Array.of(3) } }), 'qe-identity')
    assert.equal(judge({ qeBody: { 16: Uint8Array.of(1) } }), 'qe-identity')
    assert.equal(judge({ qeBody: { 48: Uint8Array.of(1) } }), 'qe-identity')
    assert.equal(judge({ qeBody: { 48: Uint8Array.of(2) } }, { allowDebug: true }), 'debug')
  })
})

describe('what the user demands', () => {
  test('no debug, unless allowed', () => {
    for (const body of [
      { kind: 'sgx' as const, body: { 48: Uint8Array.of(2) } },
      { body: { 120: Uint8Array.of(1) } },
      { body: { 120: Uint8Array.of(16) } },
    ]) {
      assert.equal(judge(body), 'debug')
      assert.equal(judge(body, { allowDebug: true }), 'UpToDate')
    }
  })
  test('attributes of the domain', () => {
    assert.equal(judge({ body: { 123: Uint8Array.of(0) } }), 'attributes')
    assert.equal(judge({ body: { 123: Uint8Array.of(0x30) } }), 'attributes')
    assert.equal(judge({ body: { 120: Uint8Array.of(2) } }), 'attributes')
    const serviced = { kind: 'tdx-1.5' as const, body: { 600: Uint8Array.of(1) } }
    assert.equal(judge(serviced), 'attributes')
    assert.equal(judge(serviced, { allowServiceTd: true }), 'UpToDate')
  })
  test('data that the quote is bound to', () => {
    const reportData = new Uint8Array(64).fill(7)
    assert.equal(judge({}, { reportData }), 'UpToDate')
    assert.equal(judge({}, { reportData: reportData.with(63, 8) }), 'report-data')
    assert.equal(judge({ kind: 'sgx' }, { reportData: reportData.with(0, 8) }), 'report-data')
    assert.equal(judge({}, { reportData: reportData.subarray(0, 32) }), 'report-data')
  })
  test('measurements', () => {
    const [short, long] = [new Uint8Array(32).fill(7), new Uint8Array(48).fill(7)]
    const good = {
      mrTd: long,
      mrConfigId: long,
      mrOwner: long,
      mrOwnerConfig: long,
      rtmrs: [long, undefined, long, long],
    }
    assert.equal(judge({}, { measurements: good }), 'UpToDate')
    for (const name of ['mrTd', 'mrConfigId', 'mrOwner', 'mrOwnerConfig'] as const) {
      assert.equal(judge({}, { measurements: { [name]: long.with(47, 1) } }), 'measurement')
    }
    for (const i of [0, 1, 2, 3])
      assert.equal(judge({}, { measurements: { rtmrs: [long, long, long, long].with(i, short) } }), 'measurement')
    const sgx = { mrEnclave: short, mrSigner: short, isvProdId: 0x0707, isvSvn: 0x0707 }
    assert.equal(judge({ kind: 'sgx' }, { measurements: sgx }), 'UpToDate')
    for (const other of [{ mrEnclave: long }, { mrSigner: short.with(0, 1) }, { isvProdId: 1 }, { isvSvn: 0x0708 }]) {
      assert.equal(judge({ kind: 'sgx' }, { measurements: other }), 'measurement')
    }
    assert.equal(judge({}, { measurements: { mrEnclave: short } }), 'measurement')
    assert.equal(judge({ kind: 'sgx' }, { measurements: { mrTd: long } }), 'measurement')
  })
})

describe('hostile input', () => {
  const { quote, collateral, policy } = makeDcapWorld()

  test('a damaged quote gets a verdict', () => {
    fc.assert(
      fc.property(damaged(quote), (bytes) => {
        assert.equal(typeof verifyDcapQuote(bytes, collateral, policy).ok, 'boolean')
      }),
      fuzzRuns(200),
    )
  })

  test('damaged collateral gets a verdict, the signed documents too', () => {
    const documents = [collateral.tcb_info, collateral.qe_identity].map((text) => JSON.parse(text) as unknown)
    fc.assert(
      fc.property(fc.oneof(damagedJson(collateral), damagedJson(documents[0]), fc.jsonValue()), (given) => {
        assert.equal(typeof verifyDcapQuote(quote, given, policy).ok, 'boolean')
      }),
      fuzzRuns(100),
    )
    fc.assert(
      fc.property(damagedJson(documents[0]), damagedJson(documents[1]), (tcbInfo, qeIdentity) => {
        const replace = (other: unknown) => (json: object) => {
          for (const name of Object.keys(json)) delete (json as { [name: string]: unknown })[name]
          Object.assign(json, other)
        }
        assert.equal(typeof judge({ tcbInfo: replace(tcbInfo), qeIdentity: replace(qeIdentity) }), 'string')
      }),
      fuzzRuns(60),
    )
  })
})
