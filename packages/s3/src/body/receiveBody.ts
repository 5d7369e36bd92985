/** Takes an upload's body piece by piece into a sink, and says whether it is what its headers and its signature promise. */
import { accept, bytesEqual, bytesToHex, reject } from '@weightless/codec'
import { createSha256 } from '@weightless/crypto'
import type { Verified } from '../auth/verifySignature.ts'
import type { S3Verdict } from '../faultCodes.ts'
import { type Checksum, checksumHeader, createHashStream, encodeBase64 } from './checksums.ts'
import { type ChunkDecoder, createChunkDecoder } from './decodeChunks.ts'
import type { Expectations } from './readExpectations.ts'

export type Received = { sizeBytes: number; md5: string; sha256: string; checksum: Checksum | undefined }

export type Sink = { write(bytes: Uint8Array): Promise<void> }

/** The socket is read only as fast as the sink takes. */
export async function receiveBody(
  body: AsyncIterable<Uint8Array>,
  wanted: Expectations,
  verified: Verified,
  sink: Sink,
): Promise<S3Verdict<Received>> {
  const decoder = createDecoder(wanted, verified)
  const hashes = { md5: await createHashStream('MD5'), sha256: createSha256() }
  const checksum = wanted.checksum && (await createHashStream(wanted.checksum.algorithm))
  let sizeBytes = 0
  const waiting: Uint8Array[] = []
  const take = (piece: Uint8Array): void => {
    sizeBytes += piece.length
    if (sizeBytes <= wanted.sizeBytes) waiting.push(piece)
  }
  for await (const bytes of body) {
    const taken = decoder ? decoder.push(bytes, take) : accept(take(bytes))
    if (!taken.ok) return taken
    if (sizeBytes > wanted.sizeBytes) return reject('IncompleteBody')
    for (const piece of waiting.splice(0)) {
      hashes.md5.update(piece)
      hashes.sha256.update(piece)
      checksum?.update(piece)
      await sink.write(piece)
    }
  }
  if (sizeBytes !== wanted.sizeBytes) return reject('IncompleteBody')
  const trailers = decoder?.finish() ?? accept(new Map<string, string>())
  if (!trailers.ok) return trailers
  const received = { sizeBytes, md5: hexOf(hashes.md5.digest()), sha256: hexOf(hashes.sha256.digest()) }
  return checkDigests(received, wanted, trailers.value, checksum?.digest())
}

function createDecoder(wanted: Expectations, { authorization, signingKey }: Verified): ChunkDecoder | undefined {
  if (wanted.chunked === 'no') return undefined
  const { longDate, scope, signature } = authorization
  const signing = wanted.chunked === 'signed' ? { signingKey, longDate, scope, seedSignature: signature } : undefined
  return createChunkDecoder(signing, wanted.hasTrailer)
}

function checkDigests(
  received: Omit<Received, 'checksum'>,
  wanted: Expectations,
  trailers: ReadonlyMap<string, string>,
  digest: Uint8Array | undefined,
): S3Verdict<Received> {
  if (wanted.sha256 !== undefined && wanted.sha256 !== received.sha256) return reject('XAmzContentSHA256Mismatch')
  if (wanted.md5 && !bytesEqual(wanted.md5, Buffer.from(received.md5, 'hex'))) {
    return reject('BadDigest', 'The Content-MD5 you specified did not match what we received.')
  }
  if (!wanted.checksum || !digest) return accept({ ...received, checksum: undefined })
  const { algorithm, inTrailer } = wanted.checksum
  const promised = inTrailer ? trailers.get(checksumHeader(algorithm)) : wanted.checksum.value
  if (inTrailer && promised === undefined) return reject('InvalidRequest', 'The trailer lacks the checksum announced.')
  const value = encodeBase64(digest)
  if (promised !== undefined && promised !== value) {
    return reject('BadDigest', `The ${algorithm} you specified did not match the calculated checksum.`)
  }
  return accept({ ...received, checksum: { algorithm, value, type: 'FULL_OBJECT' } })
}

const hexOf = (bytes: Uint8Array): string => bytesToHex(bytes).slice(2)
