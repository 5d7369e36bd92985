/** Takes a DCAP quote of version 3, 4 or 5 apart. Nothing is believed yet: `verifyDcapQuote` does the checking. */
import { bytesToText } from '@weightless/codec'
import { type ByteReader, readBytes, readLittle } from '../byteReader.ts'
import { need, refuse } from '../refusal.ts'
import {
  type ReportBody,
  readSgxReport,
  readTdReport,
  type SgxReport,
  sgxReportBytes,
  tdReport10Bytes,
  tdReport15Bytes,
  tdReport15ExtendedBytes,
} from './reportBodies.ts'

export type DcapQuote = {
  version: 3 | 4 | 5
  tee: 'sgx' | 'tdx'
  /** 20 bytes; the first 16 name the platform to its operator. */
  userData: Uint8Array
  body: ReportBody
  /** Header and body (with what stands between them): what the attestation key signed. */
  signedBytes: Uint8Array
  signature: Uint8Array
  /** 04 | x | y, P-256 */
  attestationKey: Uint8Array
  qeReport: SgxReport
  qeReportBytes: Uint8Array
  qeReportSignature: Uint8Array
  qeAuthData: Uint8Array
  /** Leaf first, PEM. */
  pckChain: string
}

export const quoteBytesMax = 32_768
/** Intel's ECDSA quoting enclaves, little-endian GUID 939a7233-f79c-4ca9-940a-0db3957f0607. */
const intelVendor = [0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07]
const teeSgx = 0
const teeTdx = 0x81
const ecdsaP256 = 2
const headerBytes = 48
const certificationQeReport = 6
const certificationPckChain = 5

/** @throws {Refusal} */
export function parseQuote(bytes: Uint8Array): DcapQuote {
  need(bytes.length <= quoteBytesMax, 'malformed', 'the quote is too large')
  const reader = readBytes(bytes, 'the quote')
  const header = reader.take(headerBytes)
  const version = readLittle(header.subarray(0, 2))
  if (version !== 3 && version !== 4 && version !== 5) return refuse('unsupported', `quote version ${version}`)
  need(readLittle(header.subarray(2, 4)) === ecdsaP256, 'unsupported', 'the attestation key is not ECDSA P-256')
  const teeType = readLittle(header.subarray(4, 8))
  // In version 3 these four bytes are reserved, and zero says SGX.
  need(teeType === teeSgx || (teeType === teeTdx && version > 3), 'unsupported', `TEE type ${teeType}`)
  const isIntel = header.subarray(12, 28).every((byte, i) => byte === intelVendor[i])
  need(isIntel, 'unsupported', 'the quoting enclave is of an unknown vendor')
  const tee = teeType === teeSgx ? 'sgx' : 'tdx'
  const body =
    version === 5 ? readTypedBody(reader, tee) : tee === 'sgx' ? readSgxReport(reader) : readTdReport(reader, 'tdx-1.0')
  const signedBytes = bytes.subarray(0, bytes.length - reader.left())
  const signed = reader.take(reader.uint32())
  need(isPadding(reader), 'malformed', 'bytes follow after the quote')
  return { version, tee, userData: header.subarray(28), body, signedBytes, ...readSignatureData(signed, version) }
}

/** Version 5 says kind and size of its body. */
function readTypedBody(reader: ByteReader, tee: DcapQuote['tee']): ReportBody {
  const kind = reader.uint16()
  const size = reader.uint32()
  const expected = [sgxReportBytes, tdReport10Bytes, tdReport15Bytes, tdReport15ExtendedBytes][kind - 1]
  if (expected === undefined) return refuse('unsupported', `quote body of type ${kind}`)
  need((kind === 1) === (tee === 'sgx'), 'malformed', 'the body of the quote is not of its TEE')
  need(size === expected, 'malformed', 'the body of the quote has another size than its type')
  return kind === 1 ? readSgxReport(reader) : readTdReport(reader, kind === 2 ? 'tdx-1.0' : 'tdx-1.5', kind === 4)
}

type SignatureData = Omit<DcapQuote, 'version' | 'tee' | 'userData' | 'body' | 'signedBytes'>

function readSignatureData(bytes: Uint8Array, version: number): SignatureData {
  const outer = readBytes(bytes, 'the signature of the quote')
  const signature = outer.take(64)
  const attestationKey = Uint8Array.from([4, ...outer.take(64)])
  const inner = version === 3 ? outer : readCertification(outer, certificationQeReport)
  const qeReportBytes = inner.take(sgxReportBytes)
  const qeReportSignature = inner.take(64)
  const qeAuthData = inner.take(inner.uint16())
  const pem = readCertification(inner, certificationPckChain)
  const pckChain = bytesToText(pem.take(pem.left()))
  need(inner.left() === 0 && outer.left() === 0, 'malformed', 'bytes follow after the certificates of the quote')
  const qeReport = readSgxReport(readBytes(qeReportBytes, 'the report of the quoting enclave'))
  return { signature, attestationKey, qeReport, qeReportBytes, qeReportSignature, qeAuthData, pckChain }
}

function readCertification(reader: ByteReader, expected: number): ByteReader {
  const kind = reader.uint16()
  need(kind === expected, 'unsupported', `certification data of type ${kind} where ${expected} was expected`)
  return readBytes(reader.take(reader.uint32()), 'the certification data')
}

/** Some services hand a quote out in its buffer, whose rest is zero. */
function isPadding(reader: ByteReader): boolean {
  return reader.take(reader.left()).every((byte) => byte === 0)
}
