/** Takes an attestation document of AWS Nitro Enclaves apart: COSE_Sign1 (RFC 9052) around a CBOR map. Nothing is believed yet. */
import { concatBytes, textToBytes } from '@weightless/codec'
import { need, refuse } from '../refusal.ts'
import { certificateBytesMax } from '../x509/certificate.ts'
import { type Cbor, type CborMap, readCbor } from './readCbor.ts'

export type NitroDocument = {
  moduleId: string
  /** Milliseconds since the Unix epoch, by the hypervisor's clock. */
  timestampMs: number
  /** Measurements by index, 48 bytes each (SHA-384). */
  pcrs: ReadonlyMap<number, Uint8Array>
  /** DER, of the key that signed. */
  certificate: Uint8Array
  /** DER, root first. */
  authorities: readonly Uint8Array[]
  publicKey: Uint8Array | undefined
  userData: Uint8Array | undefined
  nonce: Uint8Array | undefined
  /** What the key signed (Sig_structure), and r | s. */
  signedBytes: Uint8Array
  signature: Uint8Array
}

export const nitroBytesMax = 32_768
/** {1: -35}: ECDSA with SHA-384. */
const es384 = Uint8Array.from([0xa1, 0x01, 0x38, 0x22])
const signTag = 0xd2

/** Limits are those of AWS's specification of the document. @throws {Refusal} */
export function parseNitroDocument(bytes: Uint8Array): NitroDocument {
  need(bytes.length <= nitroBytesMax, 'malformed', 'the document is too large')
  const parts = readCbor(bytes[0] === signTag ? bytes.subarray(1) : bytes)
  if (!Array.isArray(parts) || parts.length !== 4) return refuse('malformed', 'the document is no COSE_Sign1')
  const [protectedHead, head, payload, signature] = parts
  const isKnown =
    protectedHead instanceof Uint8Array &&
    protectedHead.length === 4 &&
    protectedHead.every((byte, i) => byte === es384[i])
  need(isKnown, 'unsupported', 'the document is not signed with ES384')
  need(head instanceof Map && head.size === 0, 'malformed', 'the document has unsigned fields')
  if (!(payload instanceof Uint8Array) || !(signature instanceof Uint8Array))
    return refuse('malformed', 'the document is no COSE_Sign1')
  need(signature.length === 96, 'malformed', 'the signature of the document has a wrong length')
  return { ...readFields(readCbor(payload)), signedBytes: signStructure(payload), signature }
}

/** The CBOR array ["Signature1", protected, external data (none), payload]. */
function signStructure(payload: Uint8Array): Uint8Array {
  const { length } = payload
  const head = length < 24 ? [0x40 | length] : length < 256 ? [0x58, length] : [0x59, length >> 8, length & 255]
  return concatBytes([
    Uint8Array.of(0x84, 0x6a),
    textToBytes('Signature1'),
    Uint8Array.of(0x44, ...es384, 0x40),
    Uint8Array.from(head),
    payload,
  ])
}

const known = [
  'module_id',
  'timestamp',
  'digest',
  'pcrs',
  'certificate',
  'cabundle',
  'public_key',
  'user_data',
  'nonce',
]

function readFields(payload: Cbor): Omit<NitroDocument, 'signedBytes' | 'signature'> {
  if (!(payload instanceof Map)) return refuse('malformed', 'the document has no map')
  for (const name of payload.keys()) need(known.includes(String(name)), 'malformed', `the document has a field ${name}`)
  const moduleId = payload.get('module_id')
  const timestampMs = payload.get('timestamp')
  if (typeof moduleId !== 'string' || moduleId === '') return refuse('malformed', 'the document has no module_id')
  if (typeof timestampMs !== 'number' || timestampMs <= 0) return refuse('malformed', 'the document has no timestamp')
  need(payload.get('digest') === 'SHA384', 'unsupported', 'the digest of the document is not SHA384')
  const bundle = payload.get('cabundle')
  if (!Array.isArray(bundle) || bundle.length === 0) return refuse('malformed', 'the document has no cabundle')
  return {
    moduleId,
    timestampMs,
    pcrs: readPcrs(payload.get('pcrs')),
    certificate: readCertificateBytes(payload.get('certificate')),
    authorities: bundle.map(readCertificateBytes),
    publicKey: readOptional(payload, 'public_key', 1_024),
    userData: readOptional(payload, 'user_data', 1_024),
    nonce: readOptional(payload, 'nonce', 1_024),
  }
}

function readPcrs(pcrs: Cbor | undefined): Map<number, Uint8Array> {
  if (!(pcrs instanceof Map) || pcrs.size === 0) return refuse('malformed', 'the document has no PCRs')
  const read = new Map<number, Uint8Array>()
  for (const [index, value] of pcrs) {
    const isPcr =
      typeof index === 'number' && index >= 0 && index < 32 && value instanceof Uint8Array && value.length === 48
    need(isPcr, 'malformed', 'a PCR of the document is none')
    read.set(index as number, value as Uint8Array)
  }
  return read
}

function readCertificateBytes(value: Cbor | undefined): Uint8Array {
  const isFitting = value instanceof Uint8Array && value.length > 0 && value.length <= certificateBytesMax
  return isFitting ? value : refuse('malformed', 'a certificate of the document is none')
}

function readOptional(payload: CborMap, name: string, bytesMax: number): Uint8Array | undefined {
  const value = payload.get(name)
  if (value === undefined || value === null) return undefined
  const isFitting = value instanceof Uint8Array && value.length <= bytesMax
  return isFitting ? value : refuse('malformed', `${name} of the document is no bytes, or too many`)
}
