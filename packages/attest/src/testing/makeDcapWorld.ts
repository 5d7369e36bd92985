/** A maker of processors that exists in tests alone: its root, its collateral, and quotes of its platforms, all of them adjustable. */
import { bytesToHex, concatBytes, textToBytes } from '@weightless/codec'
import { nistPublicKey, nistSign, sha256 } from '@weightless/crypto'
import type { DcapCollateral } from '../dcap/collateral.ts'
import { readCertificate } from '../x509/certificate.ts'
import {
  type CertificateOptions,
  extension,
  joined,
  type Key,
  makeCertificate,
  makeKey,
  makeRevocationList,
  toPem,
} from './makeCertificate.ts'
import { der, octets, oid, sequence, small } from './writeDer.ts'

export const worldSeconds = 1_750_000_000
const day = 86_400
const datesOf = (atSeconds: number) => ({ from: atSeconds - day, to: atSeconds + 30 * day })

export const keys = {
  root: makeKey(1, 'Test Root'),
  pckAuthority: makeKey(2, 'Intel SGX PCK Platform CA'),
  pck: makeKey(3, 'Intel SGX PCK Certificate'),
  tcbSigner: makeKey(4, 'Intel SGX TCB Signing'),
  attestation: makeKey(5, 'attestation'),
  stranger: makeKey(9, 'stranger'),
}

export const serials = { root: 1, pckAuthority: 2, pck: 3, tcbSigner: 4 }

export type WorldOptions = {
  /** When all of it is in force; `worldSeconds` unless given. */
  atSeconds?: number
  kind?: 'sgx' | 'tdx-1.0' | 'tdx-1.5'
  version?: 3 | 4 | 5
  /** Bytes put over the report body, by offset. */
  body?: { readonly [offset: number]: Uint8Array }
  qeBody?: { readonly [offset: number]: Uint8Array }
  tcbInfo?: (info: TestTcbInfo) => void
  qeIdentity?: (identity: TestQeIdentity) => void
  revoked?: { root?: readonly number[]; pck?: readonly number[] }
  /** Who really signs, where it is not who should. */
  signers?: Partial<{ quote: Key; qeReport: Key; tcbInfo: Key; qeIdentity: Key; pckList: Key }>
  names?: Partial<{ pck: string; tcbSigner: string; pckAuthority: string }>
  pckPathLength?: number
  /** What is otherwise in a certificate, and when a list is in force. */
  certificates?: { readonly [name in keyof typeof serials]?: Partial<CertificateOptions> }
  lists?: { readonly root?: Dates; readonly pck?: Dates }
}

type TestTcbInfo = ReturnType<typeof makeTcbInfo>
type TestQeIdentity = ReturnType<typeof makeQeIdentity>

export function makeDcapWorld(options: WorldOptions = {}) {
  const {
    kind = 'tdx-1.0',
    version = kind === 'sgx' ? 3 : kind === 'tdx-1.0' ? 4 : 5,
    signers = {},
    names = {},
    atSeconds = worldSeconds,
    certificates = {},
    lists = {},
  } = options
  const dates = datesOf(atSeconds)
  const pckAuthorityKey = { ...keys.pckAuthority, name: names.pckAuthority ?? keys.pckAuthority.name }
  const pckKey = { ...keys.pck, name: names.pck ?? keys.pck.name }
  const signerKey = { ...keys.tcbSigner, name: names.tcbSigner ?? keys.tcbSigner.name }
  const rootBytes = makeCertificate(keys.root, keys.root, {
    serial: serials.root,
    ...dates,
    isAuthority: true,
    pathLength: 1,
    ...certificates.root,
  })
  const authority = makeCertificate(pckAuthorityKey, keys.root, {
    serial: serials.pckAuthority,
    ...dates,
    isAuthority: true,
    pathLength: options.pckPathLength ?? 0,
    ...certificates.pckAuthority,
  })
  const pck = makeCertificate(pckKey, pckAuthorityKey, {
    serial: serials.pck,
    ...dates,
    extensions: [pckExtension()],
    ...certificates.pck,
  })
  const signer = makeCertificate(signerKey, keys.root, {
    serial: serials.tcbSigner,
    ...dates,
    ...certificates.tcbSigner,
  })
  const tcbInfo = makeTcbInfo(kind, dates)
  const qeIdentity = makeQeIdentity(kind, dates)
  options.tcbInfo?.(tcbInfo)
  options.qeIdentity?.(qeIdentity)
  const sign = (text: string, key: Key): string => bytesToHex(nistSign('P-256', textToBytes(text), key.secret)).slice(2)
  const [tcbText, qeText] = [JSON.stringify(tcbInfo), JSON.stringify(qeIdentity)]
  const list = (key: Key, inForce: Dates = dates, revoked: readonly number[] = []) =>
    bytesToHex(makeRevocationList(key, inForce, revoked)).slice(2)
  const collateral: DcapCollateral = {
    pck_crl_issuer_chain: toPem(authority, rootBytes),
    root_ca_crl: list(keys.root, lists.root, options.revoked?.root),
    pck_crl: list(
      { ...pckAuthorityKey, secret: (signers.pckList ?? pckAuthorityKey).secret },
      lists.pck,
      options.revoked?.pck,
    ),
    tcb_info_issuer_chain: toPem(signer, rootBytes),
    tcb_info: tcbText,
    tcb_info_signature: sign(tcbText, signers.tcbInfo ?? keys.tcbSigner),
    qe_identity_issuer_chain: toPem(signer, rootBytes),
    qe_identity: qeText,
    qe_identity_signature: sign(qeText, signers.qeIdentity ?? keys.tcbSigner),
  }
  const quote = makeQuote(kind, version, toPem(pck, authority, rootBytes), options)
  return { quote, collateral, policy: { atSeconds, root: readCertificate(rootBytes) } }
}

function makeQuote(kind: string, version: number, chain: string, options: WorldOptions): Uint8Array {
  const { signers = {} } = options
  const isSgx = kind === 'sgx'
  const bodyBytes = isSgx ? 384 : kind === 'tdx-1.0' ? 584 : 648
  const body = new Uint8Array(bodyBytes).fill(7)
  if (isSgx) body.fill(0, 48, 64)
  else {
    body.fill(0, 112, 128)
    // SEPT_VE_DISABLE
    body[123] = 0x10
    body.set(tdxSvn, 0)
    body.fill(0, 64, 112)
    if (kind === 'tdx-1.5') {
      body.set(tdxSvn, 584)
      body.fill(0, 600)
    }
  }
  for (const [offset, bytes] of Object.entries(options.body ?? {})) body.set(bytes, Number(offset))
  const header = joined(
    little(version, 2),
    little(2, 2),
    little(isSgx ? 0 : 0x81, 4),
    new Uint8Array(4),
    vendor,
    new Uint8Array(20),
  )
  const typed =
    version === 5 ? joined(little(isSgx ? 1 : kind === 'tdx-1.0' ? 2 : 3, 2), little(bodyBytes, 4)) : new Uint8Array()
  const signed = joined(header, typed, body)
  const key = nistPublicKey('P-256', keys.attestation.secret).subarray(1)
  const authData = new Uint8Array(32).fill(8)
  const qe = new Uint8Array(384)
  qe.set(new Uint8Array(32).fill(0xaa), 128)
  qe.set(little(2, 2), 256)
  qe.set(little(8, 2), 258)
  qe.set(sha256(concatBytes([key, authData])), 320)
  for (const [offset, bytes] of Object.entries(options.qeBody ?? {})) qe.set(bytes, Number(offset))
  const pem = textToBytes(chain)
  const qePart = joined(
    qe,
    nistSign('P-256', qe, (signers.qeReport ?? keys.pck).secret),
    little(authData.length, 2),
    authData,
    little(5, 2),
    little(pem.length, 4),
    pem,
  )
  const certified = version === 3 ? qePart : joined(little(6, 2), little(qePart.length, 4), qePart)
  const data = joined(nistSign('P-256', signed, (signers.quote ?? keys.attestation).secret), key, certified)
  return joined(signed, little(data.length, 4), data)
}

const vendor = Uint8Array.from([
  0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07,
])
/** SVN 3 of version 1 of the module, then 5 everywhere. */
const tdxSvn = Uint8Array.from([3, 1, ...new Array(14).fill(5)])
const component = (svn: number) => ({ svn })
const sixteen = (svn: number) => Array.from({ length: 16 }, () => component(svn))
const iso = (seconds: number) => new Date(seconds * 1000).toISOString().replace('.000', '')

type Dates = ReturnType<typeof datesOf>

function makeTcbInfo(kind: string, dates: Dates) {
  const isTdx = kind !== 'sgx'
  const level = (sgx: number, tdx: number, tcbStatus: string, advisoryIDs: string[] = []) => ({
    tcb: { sgxtcbcomponents: sixteen(sgx), pcesvn: 13, ...(isTdx ? { tdxtcbcomponents: sixteen(tdx) } : {}) },
    tcbDate: iso(worldSeconds),
    tcbStatus,
    ...(advisoryIDs.length > 0 ? { advisoryIDs } : {}),
  })
  const module = { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8), attributesMask: 'FF'.repeat(8) }
  const moduleLevels = [
    { tcb: { isvsvn: 3 }, tcbDate: iso(worldSeconds), tcbStatus: 'UpToDate' },
    { tcb: { isvsvn: 1 }, tcbDate: iso(worldSeconds), tcbStatus: 'OutOfDate', advisoryIDs: ['TEST-MODULE'] },
  ]
  return {
    id: isTdx ? 'TDX' : 'SGX',
    version: 3,
    issueDate: iso(dates.from),
    nextUpdate: iso(dates.to),
    fmspc: '00A067110000',
    pceId: '0000',
    tcbType: 0,
    tcbEvaluationDataNumber: 17,
    ...(isTdx
      ? { tdxModule: module, tdxModuleIdentities: [{ id: 'TDX_01', ...module, tcbLevels: moduleLevels }] }
      : {}),
    tcbLevels: [level(5, 5, 'UpToDate'), level(3, 3, 'OutOfDate', ['TEST-OLD'])],
  }
}

function makeQeIdentity(kind: string, dates: Dates) {
  return {
    id: kind === 'sgx' ? 'QE' : 'TD_QE',
    version: 2,
    issueDate: iso(dates.from),
    nextUpdate: iso(dates.to),
    tcbEvaluationDataNumber: 17,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '00'.repeat(16),
    attributesMask: `FB${'FF'.repeat(7)}${'00'.repeat(8)}`,
    mrsigner: 'AA'.repeat(32),
    isvprodid: 2,
    tcbLevels: [
      { tcb: { isvsvn: 8 }, tcbDate: iso(worldSeconds), tcbStatus: 'UpToDate' },
      { tcb: { isvsvn: 4 }, tcbDate: iso(worldSeconds), tcbStatus: 'OutOfDate', advisoryIDs: ['TEST-QE'] },
    ],
  }
}

function pckExtension(): Uint8Array {
  const base = '1.2.840.113741.1.13.1'
  const pair = (path: string, value: Uint8Array) => sequence(oid(`${base}.${path}`), value)
  const components = Array.from({ length: 16 }, (_, i) => pair(`2.${i + 1}`, small(5)))
  const tcb = [...components, pair('2.17', small(13)), pair('2.18', octets(new Uint8Array(16).fill(5)))]
  const content = sequence(
    pair('1', octets(new Uint8Array(16).fill(0xcc))),
    pair('2', sequence(...tcb)),
    pair('3', octets(new Uint8Array(2))),
    pair('4', octets(Uint8Array.from([0, 0xa0, 0x67, 0x11, 0, 0]))),
    pair('5', der(0x0a, Uint8Array.of(0))),
  )
  return extension(base, content)
}

function little(value: number, width: number): Uint8Array {
  return Uint8Array.from({ length: width }, (_, i) => Math.floor(value / 256 ** i) & 0xff)
}
