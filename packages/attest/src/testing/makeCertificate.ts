/** Certificates and revocation lists of authorities that exist in tests alone. */
import { concatBytes, textToBytes } from '@weightless/codec'
import { type NistCurve, nistPublicKey, nistSign } from '@weightless/crypto'
import { bits, der, name, octets, oid, sequence, signaturePair, small, time } from './writeDer.ts'

export type Key = { curve: NistCurve; secret: Uint8Array; name: string }

export function makeKey(number: number, keyName: string, curve: NistCurve = 'P-256'): Key {
  return { curve, secret: new Uint8Array(curve === 'P-256' ? 32 : 48).fill(number), name: keyName }
}

export type CertificateOptions = {
  serial: number
  from: number
  to: number
  isAuthority?: boolean
  pathLength?: number
  /** First byte of KeyUsage: 0x80 signs, 0x06 issues certificates and lists. */
  keyUsage?: number
  extensions?: readonly Uint8Array[]
}

export function makeCertificate(subject: Key, issuer: Key, options: CertificateOptions): Uint8Array {
  const { serial, from, to, isAuthority = false, pathLength } = options
  const length = pathLength === undefined ? [] : [small(pathLength)]
  const constraints = sequence(...(isAuthority ? [der(0x01, Uint8Array.of(0xff)), ...length] : []))
  const usage = der(0x03, Uint8Array.of(0, options.keyUsage ?? (isAuthority ? 0x06 : 0x80)))
  const curveOid = subject.curve === 'P-256' ? '1.2.840.10045.3.1.7' : '1.3.132.0.34'
  const signed = sequence(
    der(0xa0, small(2)),
    small(serial),
    algorithm(issuer.curve),
    name(issuer.name),
    sequence(time(from), time(to)),
    name(subject.name),
    sequence(sequence(oid('1.2.840.10045.2.1'), oid(curveOid)), bits(nistPublicKey(subject.curve, subject.secret))),
    der(
      0xa3,
      sequence(critical('2.5.29.19', constraints), critical('2.5.29.15', usage), ...(options.extensions ?? [])),
    ),
  )
  return seal(signed, issuer)
}

export function makeRevocationList(
  issuer: Key,
  dates: { from: number; to: number },
  serials: readonly number[],
): Uint8Array {
  const entries = serials.map((serial) => sequence(small(serial), time(dates.from)))
  const list = entries.length > 0 ? [sequence(...entries)] : []
  return seal(
    sequence(small(1), algorithm(issuer.curve), name(issuer.name), time(dates.from), time(dates.to), ...list),
    issuer,
  )
}

export function extension(identifier: string, content: Uint8Array): Uint8Array {
  return sequence(oid(identifier), octets(content))
}

export function critical(identifier: string, content: Uint8Array): Uint8Array {
  return sequence(oid(identifier), der(0x01, Uint8Array.of(0xff)), octets(content))
}

export function toPem(...certificates: readonly Uint8Array[]): string {
  const blocks = certificates.map(
    (bytes) => `-----BEGIN CERTIFICATE-----\n${toBase64(bytes)}\n-----END CERTIFICATE-----\n`,
  )
  return blocks.join('')
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function algorithm(curve: NistCurve): Uint8Array {
  return sequence(oid(curve === 'P-256' ? '1.2.840.10045.4.3.2' : '1.2.840.10045.4.3.3'))
}

function seal(signed: Uint8Array, issuer: Key): Uint8Array {
  return sequence(signed, algorithm(issuer.curve), bits(signaturePair(nistSign(issuer.curve, signed, issuer.secret))))
}

export const joined = (...parts: readonly (Uint8Array | string)[]): Uint8Array =>
  concatBytes(parts.map((part) => (typeof part === 'string' ? textToBytes(part) : part)))
