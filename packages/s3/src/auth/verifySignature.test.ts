/** Amazon's published examples hold; anything changed in them does not, and the body's chunks carry their own signatures. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { concatBytes, textToBytes } from '@weightless/codec'
import fc from 'fast-check'
import { createHashStream, encodeBase64 } from '../body/checksums.ts'
import { createChunkDecoder } from '../body/decodeChunks.ts'
import { payloadWords, type SignedRequest } from './readAuthorization.ts'
import { type Verified, verifySignature } from './verifySignature.ts'

type Example = { name: string; method: string; path: string; query: string; headers: Record<string, string> }
type Chunked = Example & { chunks: [number, string][]; trailers: string[] }
const file = new URL('../../../../vectors/s3/awsExamples.json', import.meta.url)
const vectors = JSON.parse(readFileSync(file, 'utf8')) as {
  nowMs: number
  accessKeyId: string
  secretAccessKey: string
  cases: Example[]
  chunked: Chunked[]
}
const { nowMs } = vectors
const credentials = [{ accessKeyId: 'other', secretAccessKey: 'other' }, vectors]
const requestOf = ({ query, ...rest }: Example): SignedRequest => ({ ...rest, query: new URLSearchParams(query) })
const codeOf = async (request: SignedRequest, atMs = nowMs): Promise<string> => {
  const verdict = await verifySignature(request, credentials, atMs)
  return verdict.ok ? 'ok' : verdict.code
}

describe('signatures', () => {
  test('the examples of the API reference hold', async () => {
    for (const example of [...vectors.cases, ...vectors.chunked])
      assert.equal(await codeOf(requestOf(example)), 'ok', example.name)
  })

  test('any change of what is signed is refused', async () => {
    for (const example of vectors.cases) {
      const request = requestOf(example)
      const changes: SignedRequest[] = [
        { ...request, method: 'DELETE' },
        { ...request, path: `${request.path}x` },
        { ...request, query: new URLSearchParams(`${example.query}&extra=1`) },
        { ...request, headers: { ...request.headers, host: 'elsewhere' } },
      ]
      for (const changed of changes) assert.equal(await codeOf(changed), 'SignatureDoesNotMatch')
      const unsigned = { ...request, headers: { ...request.headers, 'x-amz-acl': 'private' } }
      assert.equal(await codeOf(unsigned), 'AccessDenied')
    }
  })

  test('time, key, mechanism and form are checked before', async () => {
    const [get, , , , presigned] = vectors.cases.map(requestOf) as [SignedRequest, ...SignedRequest[]]
    const withHeader = (authorization: string) => ({ ...get, headers: { ...get.headers, authorization } })
    const { authorization = '' } = get.headers
    const minute = 60_000
    for (const [request, atMs, code] of [
      [get, nowMs + 14 * minute, 'ok'],
      [get, nowMs + 16 * minute, 'RequestTimeTooSkewed'],
      [get, nowMs - 16 * minute, 'RequestTimeTooSkewed'],
      [presigned!, nowMs + 86_400_000, 'ok'],
      [presigned!, nowMs + 86_400_001, 'AccessDenied'],
      [presigned!, nowMs - 16 * minute, 'AccessDenied'],
      [
        { ...presigned!, query: new URLSearchParams(String(presigned!.query).replace('=86400', '=604801')) },
        nowMs,
        'AuthorizationQueryParametersError',
      ],
      [
        { ...presigned!, query: new URLSearchParams(`${presigned!.query}&X-Amz-Expires=1`) },
        nowMs,
        'AuthorizationQueryParametersError',
      ],
      [{ ...get, query: presigned!.query }, nowMs, 'InvalidArgument'],
      [withHeader(authorization.replace('AKIAIOSFODNN7EXAMPLE', 'unknown')), nowMs, 'InvalidAccessKeyId'],
      [withHeader(authorization.replace('20130524/', '20130525/')), nowMs, 'AuthorizationHeaderMalformed'],
      [withHeader(authorization.replace('host;', '')), nowMs, 'AccessDenied'],
      [withHeader(authorization.replace(/.$/, 'g')), nowMs, 'AuthorizationHeaderMalformed'],
      [withHeader('AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg='), nowMs, 'InvalidRequest'],
      [{ ...get, headers: { host: 'x' } }, nowMs, 'AccessDenied'],
      [{ ...get, headers: { ...get.headers, 'x-amz-security-token': 't' } }, nowMs, 'InvalidToken'],
    ] as const) {
      assert.equal(await codeOf(request, atMs), code)
    }
  })

  test('hostile headers give a refusal, never a fault', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary' }),
        fc.string(),
        fc.string({ unit: 'binary' }),
        async (authorization, path, query) => {
          const headers = { host: 'h', 'x-amz-date': '20130524T000000Z', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }
          const verdict = await verifySignature(
            {
              method: 'GET',
              path: `/${path}`,
              query: new URLSearchParams(query),
              headers: { ...headers, authorization },
            },
            credentials,
            nowMs,
          )
          assert.equal(verdict.ok, false)
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('chunked bodies', () => {
  const bodyOf = ({ chunks, trailers }: Chunked): Uint8Array => {
    const pieces = chunks.map(([length, signature]) => {
      const end = length === 0 ? '' : '\r\n'
      return `${length.toString(16)};chunk-signature=${signature}\r\n${'a'.repeat(length)}${end}`
    })
    return textToBytes([...pieces, ...trailers.map((line) => `${line}\r\n`), '\r\n'].join(''))
  }

  async function decode(example: Chunked, body: Uint8Array, cuts: readonly number[]) {
    const verified = (await verifySignature(requestOf(example), credentials, nowMs)) as { ok: true; value: Verified }
    const { authorization, signingKey } = verified.value
    const { longDate, scope, signature } = authorization
    const signing = { signingKey, longDate, scope, seedSignature: signature }
    const decoder = createChunkDecoder(signing, authorization.payloadHash === payloadWords.signedChunksTrailer)
    const pieces: Uint8Array[] = []
    const borders = [0, ...[...new Set(cuts)].sort((a, b) => a - b), body.length]
    for (const [at, start] of borders.slice(0, -1).entries()) {
      const verdict = decoder.push(body.subarray(start, borders[at + 1]), (piece) => pieces.push(piece.slice()))
      if (!verdict.ok) return verdict.code
    }
    const trailers = decoder.finish()
    return trailers.ok ? { content: concatBytes(pieces), trailers: trailers.value } : trailers.code
  }

  test('the examples decode however the network cuts them', async () => {
    for (const example of vectors.chunked) {
      const body = bodyOf(example)
      const content = textToBytes('a'.repeat(66_560))
      const crc = await createHashStream('CRC32C')
      crc.update(content)
      const checksum = encodeBase64(crc.digest())
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat({ max: body.length }), { maxLength: 8 }), async (cuts) => {
          const decoded = await decode(example, body, cuts)
          assert.ok(typeof decoded === 'object')
          assert.deepEqual(decoded.content, content)
          if (example.trailers.length > 0) assert.equal(decoded.trailers.get('x-amz-checksum-crc32c'), checksum)
        }),
        { numRuns: 20 },
      )
    }
  })

  test('a changed byte, wherever it is, is refused', async () => {
    for (const example of vectors.chunked) {
      const body = bodyOf(example)
      await fc.assert(
        fc.asyncProperty(fc.nat({ max: body.length - 3 }), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
          const changed = body.slice()
          changed[at]! ^= flip
          const decoded = await decode(example, changed, [])
          // The one change that means the same: the case of a digit, or an ignored space.
          if (typeof decoded === 'object')
            assert.match(String.fromCharCode(body[at]!, changed[at]!), /^[a-fA-F\s]{2}|\r/)
        }),
        { numRuns: 60 },
      )
      assert.equal(await decode(example, body.subarray(0, -4), []), 'IncompleteBody')
      assert.equal(await decode(example, body.subarray(0, 70_000 - 5_000), []), 'IncompleteBody')
    }
  })

  test('endless lines and endless trailers are cut off', () => {
    const drop = () => undefined
    const endless = createChunkDecoder(undefined, true).push(textToBytes('0'.repeat(10_000)), drop)
    assert.equal(endless.ok, false)
    const many = createChunkDecoder(undefined, true).push(textToBytes(`0\r\n${'a:b\r\n'.repeat(17)}`), drop)
    // The same name again is the same trailer.
    assert.equal(many.ok, true)
    const names = Array.from({ length: 17 }, (_, at) => `n${at}:b\r\n`).join('')
    assert.equal(createChunkDecoder(undefined, true).push(textToBytes(`0\r\n${names}`), drop).ok, false)
  })
})
