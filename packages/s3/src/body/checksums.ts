/** The checksums that S3 clients send beside a body, over bytes that come in pieces. */
import { textToBytes } from '@weightless/codec'
import { createSha256 } from '@weightless/crypto'
import { createCRC32, createCRC64, createMD5, createSHA1, type IHasher } from 'hash-wasm'

export const checksumAlgorithms = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number]

/** A hash of bytes that come in pieces. `digest` ends it. */
export type HashStream = { update(bytes: Uint8Array): void; digest(): Uint8Array }

/** `value` is base64; of a composite checksum followed by `-` and the number of parts. */
export type Checksum = { algorithm: ChecksumAlgorithm; value: string; type: 'FULL_OBJECT' | 'COMPOSITE' }

/** Reflected polynomials: Castagnoli's, and the one of the NVM Express base specification 2.0, section 5.2.1.3.4. */
const castagnoli = 0x82f63b78
const nvme = '9a6c9329ac4bc9b5'

const makers: { readonly [algorithm in Exclude<ChecksumAlgorithm, 'SHA256'> | 'MD5']: () => Promise<IHasher> } = {
  MD5: createMD5,
  CRC32: () => createCRC32(),
  CRC32C: () => createCRC32(castagnoli),
  CRC64NVME: () => createCRC64(nvme),
  SHA1: createSHA1,
}
/** Hashers that have ended, to be used again: each holds a WebAssembly memory of its own. */
const idle = new Map<string, IHasher[]>()
const idleMax = 32

export async function createHashStream(algorithm: ChecksumAlgorithm | 'MD5'): Promise<HashStream> {
  if (algorithm === 'SHA256') return createSha256()
  const waiting = idle.get(algorithm) ?? []
  idle.set(algorithm, waiting)
  const hasher = waiting.pop() ?? (await makers[algorithm]())
  hasher.init()
  return {
    update: (bytes) => void hasher.update(bytes),
    digest() {
      const digest = hasher.digest('binary')
      if (waiting.length < idleMax) waiting.push(hasher)
      return digest
    },
  }
}

async function hashOf(algorithm: ChecksumAlgorithm | 'MD5', bytes: Uint8Array): Promise<Uint8Array> {
  const stream = await createHashStream(algorithm)
  stream.update(bytes)
  return stream.digest()
}

const checksumBytes: { readonly [algorithm in ChecksumAlgorithm]: number } = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
}

export function isChecksumValue(algorithm: ChecksumAlgorithm, value: string): boolean {
  const bytes = decodeBase64(value)
  return bytes !== undefined && bytes.length === checksumBytes[algorithm]
}

/** `x-amz-checksum-crc32` */
export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`
}

export function asAlgorithm(name: string): ChecksumAlgorithm | undefined {
  return checksumAlgorithms.find((algorithm) => algorithm === name.toUpperCase())
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

/** Undefined for what is not canonical base64. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? new Uint8Array(bytes) : undefined
}

/** MD5 of the parts' MD5s, as S3 names multipart objects; parts are given as hexadecimal digits. */
export async function multipartEtag(parts: readonly string[]): Promise<string> {
  const joined = Buffer.from(parts.join(''), 'hex')
  return `${Buffer.from(await hashOf('MD5', joined)).toString('hex')}-${parts.length}`
}

/** The checksum of the parts' checksums, each in base64. */
export async function compositeChecksum(algorithm: ChecksumAlgorithm, parts: readonly string[]): Promise<Checksum> {
  const joined = Buffer.concat(parts.map((part) => Buffer.from(part, 'base64')))
  const value = `${encodeBase64(await hashOf(algorithm, joined))}-${parts.length}`
  return { algorithm, value, type: 'COMPOSITE' }
}

export const emptySha256 = Buffer.from(await hashOf('SHA256', textToBytes(''))).toString('hex')
