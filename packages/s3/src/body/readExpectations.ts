/** What the headers of an upload promise about its body: length, coding, checksums. */
import { accept, reject } from '@weightless/codec'
import type { HttpHeaders } from '@weightless/env'
import { payloadWords } from '../auth/readAuthorization.ts'
import type { Verified } from '../auth/verifySignature.ts'
import type { S3Verdict } from '../faultCodes.ts'
import {
  asAlgorithm,
  type ChecksumAlgorithm,
  checksumAlgorithms,
  checksumHeader,
  decodeBase64,
  isChecksumValue,
} from './checksums.ts'

export type Expectations = {
  /** Of the content itself, without the coding. */
  sizeBytes: number
  chunked: 'no' | 'signed' | 'unsigned'
  hasTrailer: boolean
  /** Hexadecimal; undefined when the signature leaves the body out, or signs its chunks. */
  sha256: string | undefined
  md5: Uint8Array | undefined
  checksum:
    | {
        algorithm: ChecksumAlgorithm /** Base64; undefined: it comes in the trailer, or is only wished for. */
        value: string | undefined
        inTrailer: boolean
      }
    | undefined
}

/** @param bytesMax - longer content is refused before any of it is read */
export function readExpectations(
  headers: HttpHeaders,
  { authorization: { payloadHash } }: Verified,
  bytesMax: number,
): S3Verdict<Expectations> {
  const streamed = payloadHash.startsWith('STREAMING-')
  const size = (streamed ? headers['x-amz-decoded-content-length'] : undefined) ?? headers['content-length']
  if (size === undefined || (streamed && headers['x-amz-decoded-content-length'] === undefined)) {
    return reject('MissingContentLength')
  }
  if (!/^\d{1,16}$/.test(size)) return reject('InvalidArgument', 'The length is no number.')
  if (Number(size) > bytesMax) return reject('EntityTooLarge')
  const md5 = headers['content-md5'] === undefined ? undefined : decodeBase64(headers['content-md5'])
  if (headers['content-md5'] !== undefined && md5?.length !== 16) return reject('InvalidDigest')
  const checksum = readChecksum(headers)
  if (!checksum.ok) return checksum
  const words: readonly string[] = Object.values(payloadWords)
  return accept({
    sizeBytes: Number(size),
    chunked: !streamed ? 'no' : payloadHash === payloadWords.unsignedTrailer ? 'unsigned' : 'signed',
    hasTrailer: payloadHash.endsWith('-TRAILER'),
    sha256: words.includes(payloadHash) ? undefined : payloadHash.toLowerCase(),
    md5,
    checksum: checksum.value,
  })
}

function readChecksum(headers: HttpHeaders): S3Verdict<Expectations['checksum']> {
  const given = checksumAlgorithms.filter((algorithm) => headers[checksumHeader(algorithm)] !== undefined)
  const trailed = (headers['x-amz-trailer'] ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean)
  const fromTrailer = checksumAlgorithms.filter((algorithm) => trailed.includes(checksumHeader(algorithm)))
  if (trailed.length > fromTrailer.length)
    return reject('InvalidRequest', 'The value of x-amz-trailer is not supported.')
  if (given.length + fromTrailer.length > 1)
    return reject('InvalidRequest', 'Expecting a single x-amz-checksum- header.')
  const wish = headers['x-amz-sdk-checksum-algorithm']
  const wished = wish === undefined ? undefined : asAlgorithm(wish)
  if (wish !== undefined && !wished) return reject('InvalidRequest', 'The checksum algorithm is not supported.')
  const algorithm = given[0] ?? fromTrailer[0]
  if (algorithm === undefined) {
    return accept(wished && { algorithm: wished, value: undefined, inTrailer: false })
  }
  const value = headers[checksumHeader(algorithm)]
  if (value !== undefined && !isChecksumValue(algorithm, value))
    return reject('InvalidRequest', `The value of ${checksumHeader(algorithm)} is invalid.`)
  return accept({ algorithm, value, inTrailer: fromTrailer.length > 0 })
}
