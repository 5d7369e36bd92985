/** UploadPartCopy: a range of an object that is there becomes a part. Its bytes are read from the network into the spool. */
import { accept, bytesToHex, reject } from '@weightless/codec'
import { createSha256 } from '@weightless/crypto'
import type { HttpResponse } from '@weightless/env'
import { createHashStream, encodeBase64 } from '../body/checksums.ts'
import type { Received, Sink } from '../body/receiveBody.ts'
import type { UploadRecord } from '../catalog/records.ts'
import type { S3Verdict } from '../faultCodes.ts'
import type { Gateway, ObjectRequest } from '../gateway.ts'
import { xmlResponse } from '../renderXml.ts'
import { checksumElements, findSource } from './copyObject.ts'
import { findPartTarget, keepPart } from './multipart.ts'
import { putBytesMax } from './putObject.ts'
import { readRange } from './readRange.ts'

export async function copyPart(gateway: Gateway, request: ObjectRequest): Promise<S3Verdict<HttpResponse>> {
  const target = findPartTarget(gateway, request)
  if (!target.ok) return target
  const source = findSource(gateway, request)
  if (!source.ok) return source
  const { record } = source.value
  const wish = request.headers['x-amz-copy-source-range']
  const range = wish === undefined ? 'whole' : readRange(wish, record.sizeBytes)
  if (range === 'unsatisfiable' || (range === 'whole' && wish !== undefined)) {
    return reject('InvalidArgument', 'The x-amz-copy-source-range value must be of the form bytes=first-last.')
  }
  const { from, to } = range === 'whole' ? { from: 0, to: record.sizeBytes } : range
  if (to - from > putBytesMax) return reject('EntityTooLarge')
  const { upload, number } = target.value
  const writer = gateway.spool.durable(upload.uploadId)
  const turn = gateway.bodies.run(async () => {
    try {
      await gateway.spool.reserve(to - from)
      const received = await takeIn(gateway.content.stream(record, from, to, request.signal), upload, writer)
      await (await writer.seal()).close()
      const kept = await keepPart(gateway, upload, number, writer.file, received)
      if (!kept.ok) return kept
      writer.keep()
      return accept(
        xmlResponse('CopyPartResult', {
          LastModified: new Date(kept.value.modifiedMs).toISOString(),
          ETag: `"${received.md5}"`,
          ...checksumElements(received),
        }),
      )
    } finally {
      await writer.discard()
    }
  })
  return turn ?? reject('SlowDown')
}

async function takeIn(pieces: AsyncIterable<Uint8Array>, { algorithm }: UploadRecord, sink: Sink): Promise<Received> {
  const [md5, sha256] = [await createHashStream('MD5'), createSha256()]
  const checksum = algorithm && (await createHashStream(algorithm))
  let sizeBytes = 0
  for await (const piece of pieces) {
    sizeBytes += piece.length
    for (const hash of [md5, sha256, checksum]) hash?.update(piece)
    await sink.write(piece)
  }
  const hex = (bytes: Uint8Array) => bytesToHex(bytes).slice(2)
  return {
    sizeBytes,
    md5: hex(md5.digest()),
    sha256: hex(sha256.digest()),
    checksum: algorithm && checksum && { algorithm, value: encodeBase64(checksum.digest()), type: 'FULL_OBJECT' },
  }
}
