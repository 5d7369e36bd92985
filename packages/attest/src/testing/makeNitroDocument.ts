/** Attestation documents of an AWS that exists in tests alone, adjustable. */
import { concatBytes, textToBytes } from '@weightless/codec'
import { nistSign } from '@weightless/crypto'
import { readCertificate } from '../x509/certificate.ts'
import { type Key, makeCertificate, makeKey } from './makeCertificate.ts'

const seconds = 1_750_000_000
const [root, region, instance, enclave] = ['root', 'region', 'instance', 'enclave'].map((name, i) =>
  makeKey(i + 11, `nitro ${name}`, 'P-384'),
) as [Key, Key, Key, Key]

export type NitroOptions = {
  /** Fields put into the payload, or taken out of it with undefined; CBOR. */
  fields?: { readonly [name: string]: Uint8Array | undefined }
  signer?: Key
  head?: Uint8Array
  extra?: Uint8Array
  isOpen?: boolean
}

export function makeNitroDocument(options: NitroOptions = {}) {
  const dates = { from: seconds - 60, to: seconds + 10_800 }
  const made = (subject: Key, issuer: Key, serial: number, isAuthority: boolean) =>
    makeCertificate(subject, issuer, { serial, ...dates, isAuthority })
  const rootBytes = made(root, root, 1, true)
  const bundle = [rootBytes, made(region, root, 2, true), made(instance, region, 3, true)]
  const fields: { [name: string]: Uint8Array | undefined } = {
    module_id: text('i-test'),
    digest: text('SHA384'),
    timestamp: number(seconds * 1000),
    pcrs: map(new Map([0, 1, 2].map((index) => [number(index), bytes(new Uint8Array(48).fill(index + 1))]))),
    certificate: bytes(made(enclave, instance, 4, false)),
    cabundle: array(bundle.map(bytes)),
    public_key: bytes(Uint8Array.of(1, 2)),
    user_data: bytes(Uint8Array.of(3)),
    nonce: Uint8Array.of(0xf6),
    ...options.fields,
  }
  const entries = Object.entries(fields).flatMap(([name, value]) => (value ? [[text(name), value] as const] : []))
  const payload = options.isOpen
    ? concatBytes([Uint8Array.of(0xbf), ...entries.flat(), Uint8Array.of(0xff)])
    : map(new Map(entries))
  const head = options.head ?? bytes(Uint8Array.from([0xa1, 0x01, 0x38, 0x22]))
  const signed = array([text('Signature1'), head, bytes(new Uint8Array()), bytes(payload)])
  const signature = nistSign('P-384', signed, (options.signer ?? enclave).secret)
  const document = array([head, options.extra ?? map(new Map()), bytes(payload), bytes(signature)])
  return { document, policy: { atSeconds: seconds, root: readCertificate(rootBytes) } }
}

export const nitroStranger: Key = { ...enclave, secret: new Uint8Array(48).fill(99) }

function head(major: number, length: number): Uint8Array {
  const first = major << 5
  if (length < 24) return Uint8Array.of(first | length)
  if (length < 256) return Uint8Array.of(first | 24, length)
  if (length < 65_536) return Uint8Array.of(first | 25, length >> 8, length & 255)
  const wide = Array.from({ length: 8 }, (_, i) => Math.floor(length / 256 ** (7 - i)) & 255)
  return length < 2 ** 32 ? Uint8Array.of(first | 26, ...wide.slice(4)) : Uint8Array.of(first | 27, ...wide)
}

export const number = (value: number): Uint8Array => head(0, value)
export const bytes = (value: Uint8Array): Uint8Array => concatBytes([head(2, value.length), value])
export const text = (value: string): Uint8Array => concatBytes([head(3, value.length), textToBytes(value)])
export const array = (items: readonly Uint8Array[]): Uint8Array => concatBytes([head(4, items.length), ...items])
export const map = (entries: ReadonlyMap<Uint8Array, Uint8Array>): Uint8Array =>
  concatBytes([head(5, entries.size), ...[...entries].flat()])
