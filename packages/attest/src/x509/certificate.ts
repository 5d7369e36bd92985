/** Reads X.509 certificates (RFC 5280) that were signed with ECDSA, as far as a chain of trusted hardware needs it. */
import { bytesEqual, bytesToHex } from '@weightless/codec'
import type { NistCurve } from '@weightless/crypto'
import { need, refuse } from '../refusal.ts'
import {
  type Der,
  derBoolean,
  derContent,
  derItems,
  derNumber,
  derOid,
  derSignature,
  derTags,
  derTime,
  derUnsigned,
  derWholeBits,
  readDer,
} from './der.ts'

/** Times are seconds since the Unix epoch. */
export type Certificate = {
  bytes: Uint8Array
  /** What the issuer signed. */
  signedBytes: Uint8Array
  /** r | s */
  signature: Uint8Array
  /** Of the issuer's key, as the signature's algorithm says. */
  signatureCurve: NistCurve
  /** Hex of the content of the number. */
  serial: string
  /** DER of the names, compared byte by byte. */
  issuer: Uint8Array
  subject: Uint8Array
  /** Common name of the subject; empty if there is none. */
  commonName: string
  notBefore: number
  notAfter: number
  curve: NistCurve
  /** 04 | x | y */
  publicKey: Uint8Array
  isAuthority: boolean
  /** How many authorities may follow below; undefined: any number. */
  pathLength: number | undefined
  keyUsage: ReadonlySet<KeyUse> | undefined
  /** Content of the extensions that this reader does not interpret, by identifier; none of them is critical. */
  extensions: ReadonlyMap<string, Uint8Array>
}

export type KeyUse = 'digitalSignature' | 'keyCertSign' | 'cRLSign'

export const certificateBytesMax = 8_192

/** @throws {Refusal} */
export function readCertificate(bytes: Uint8Array): Certificate {
  need(bytes.length <= certificateBytesMax, 'malformed', 'a certificate is too large')
  const outer = derItems(readDer(bytes))
  need(outer.length === 3, 'malformed', 'a certificate has three parts')
  const [signed, algorithm, signature] = outer as [Der, Der, Der]
  const fields = derItems(signed)
  need(fields.length === 8, 'malformed', 'a certificate of version 3 has eight fields')
  const [version, serial, innerAlgorithm, issuer, validity, subject, keyInfo, extensions] = fields as [
    Der,
    Der,
    Der,
    Der,
    Der,
    Der,
    Der,
    Der,
  ]
  const versionNumber = version.tag === 0xa0 ? derNumber(readDer(version.content)) : -1
  need(versionNumber === 2, 'malformed', 'a certificate has another version than 3')
  need(bytesEqual(algorithm.bytes, innerAlgorithm.bytes), 'malformed', 'a certificate names two signature algorithms')
  const signatureCurve = readSignatureAlgorithm(algorithm)
  const [from, to] = derItems(validity)
  return {
    bytes,
    signedBytes: signed.bytes,
    signature: derSignature(derWholeBits(signature), signatureCurve === 'P-256' ? 32 : 48),
    signatureCurve,
    serial: toHex(derUnsigned(serial)),
    issuer: issuer.bytes,
    subject: subject.bytes,
    commonName: readCommonName(subject),
    notBefore: derTime(from),
    notAfter: derTime(to),
    ...readKey(keyInfo),
    ...readExtensions(extensions),
  }
}

/** Curve of the key that signs by this algorithm. @throws {Refusal} for any but ECDSA with SHA-256 and SHA-384 */
export function readSignatureAlgorithm(algorithm: Der): NistCurve {
  const [oid, parameters] = derItems(algorithm)
  need(parameters === undefined, 'malformed', 'an ECDSA algorithm has parameters')
  const name = derOid(oid)
  if (name === '1.2.840.10045.4.3.2') return 'P-256'
  if (name === '1.2.840.10045.4.3.3') return 'P-384'
  return refuse('unsupported', `signature algorithm ${name}`)
}

function readKey(keyInfo: Der): { curve: NistCurve; publicKey: Uint8Array } {
  const [algorithm, bits] = derItems(keyInfo)
  const [kind, curveOid] = derItems(algorithm ?? refuse('malformed', 'a certificate has no key'))
  need(derOid(kind) === '1.2.840.10045.2.1', 'unsupported', 'the key of a certificate is no elliptic one')
  const name = derOid(curveOid)
  const publicKey = derWholeBits(bits)
  const curve =
    name === '1.2.840.10045.3.1.7'
      ? 'P-256'
      : name === '1.3.132.0.34'
        ? 'P-384'
        : refuse('unsupported', `curve ${name}`)
  const isWhole = publicKey[0] === 4 && publicKey.length === (curve === 'P-256' ? 65 : 97)
  need(isWhole, 'malformed', 'the key of a certificate is no uncompressed point')
  return { curve, publicKey }
}

function readCommonName(name: Der): string {
  for (const set of derItems(name)) {
    for (const pair of derItems(set, derTags.set)) {
      const [oid, value] = derItems(pair)
      if (derOid(oid) === '2.5.4.3' && value) return new TextDecoder().decode(value.content)
    }
  }
  return ''
}

type Extensions = Pick<Certificate, 'isAuthority' | 'pathLength' | 'keyUsage' | 'extensions'>

function readExtensions(wrapped: Der): Extensions {
  need(wrapped.tag === 0xa3, 'malformed', 'a certificate has no extensions')
  const found: { isAuthority: boolean; pathLength: number | undefined; keyUsage: Set<KeyUse> | undefined } = {
    isAuthority: false,
    pathLength: undefined,
    keyUsage: undefined,
  }
  const others = new Map<string, Uint8Array>()
  const seen = new Set<string>()
  for (const { oid, isCritical, content } of extensionList(readDer(wrapped.content))) {
    need(!seen.has(oid), 'malformed', `extension ${oid} stands twice`)
    seen.add(oid)
    if (oid === '2.5.29.19') {
      const [authority, pathLength] = derItems(readDer(content))
      if (authority) found.isAuthority = derBoolean(authority)
      if (pathLength) found.pathLength = derNumber(pathLength)
    } else if (oid === '2.5.29.15') found.keyUsage = readKeyUsage(content)
    else {
      need(!isCritical, 'unsupported', `critical extension ${oid}`)
      others.set(oid, content)
    }
  }
  return { ...found, extensions: others }
}

/** Identifier, weight and content of each extension, of a certificate or a revocation list. @throws {Refusal} */
export function extensionList(list: Der): { oid: string; isCritical: boolean; content: Uint8Array }[] {
  return derItems(list).map((extension) => {
    const parts = derItems(extension)
    const isCritical = parts.length === 3 && derBoolean(parts[1])
    need(parts.length === 2 || parts.length === 3, 'malformed', 'an extension has two or three parts')
    return { oid: derOid(parts[0]), isCritical, content: derContent(parts.at(-1), derTags.octetString) }
  })
}

/** KeyUsage, RFC 5280 §4.2.1.3: bit 0 is the highest of the first byte. */
function readKeyUsage(content: Uint8Array): Set<KeyUse> {
  const bits = derContent(readDer(content), derTags.bitString)
  const first = bits[1] ?? 0
  const uses = new Set<KeyUse>()
  if (first & 0x80) uses.add('digitalSignature')
  if (first & 0x04) uses.add('keyCertSign')
  if (first & 0x02) uses.add('cRLSign')
  return uses
}

/** Without 0x, as serial numbers, device names and digests stand in texts. */
export function toHex(bytes: Uint8Array): string {
  return bytesToHex(bytes).slice(2)
}
