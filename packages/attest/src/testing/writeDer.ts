/** Writes the DER that tests need: certificates and revocation lists of authorities that exist in tests alone. */
import { concatBytes, textToBytes } from '@weightless/codec'

export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(parts)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return concatBytes([Uint8Array.of(tag, ...size), content])
}

export const sequence = (...parts: Uint8Array[]): Uint8Array => der(0x30, ...parts)
export const octets = (bytes: Uint8Array): Uint8Array => der(0x04, bytes)
export const bits = (bytes: Uint8Array): Uint8Array => der(0x03, Uint8Array.of(0), bytes)

/** The shortest form of the number in these bytes. */
export function unsigned(bytes: Uint8Array): Uint8Array {
  const from = bytes.findIndex((byte) => byte !== 0)
  const short = from < 0 ? Uint8Array.of(0) : bytes.subarray(from)
  return der(0x02, short[0]! < 0x80 ? short : concatBytes([Uint8Array.of(0), short]))
}

export const small = (value: number): Uint8Array => unsigned(Uint8Array.of(value >> 8, value & 0xff))

export function oid(text: string): Uint8Array {
  const [first, second, ...rest] = text.split('.').map(Number) as [number, number, ...number[]]
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc & 0x7f]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left & 0x7f) | 0x80)
    return digits
  })
  return der(0x06, Uint8Array.from(bytes))
}

export function name(commonName: string): Uint8Array {
  return sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c, textToBytes(commonName)))))
}

/** GeneralizedTime of seconds since the Unix epoch. */
export function time(seconds: number): Uint8Array {
  return der(0x18, textToBytes(`${new Date(seconds * 1000).toISOString().replace(/[-:T]|\.\d+/g, '')}`))
}

/** r | s as a sequence of two numbers. */
export function signaturePair(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2
  return sequence(unsigned(signature.subarray(0, half)), unsigned(signature.subarray(half)))
}
