/**
 * CompleteMultipartUpload: the listed parts become one object, final in the network, before the name is put on it. It may
 * take minutes, so the answer is begun in time and kept alive with spaces, as S3 does. Asked again, it says the same.
 */
import { accept, reject } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import {
  type Checksum,
  checksumAlgorithms,
  checksumHeader,
  compositeChecksum,
  createHashStream,
  encodeBase64,
  multipartEtag,
} from '../body/checksums.ts'
import type { ObjectRecord, PartRecord, UploadRecord } from '../catalog/records.ts'
import { idOfParts } from '../content/contentId.ts'
import type { SpooledSource } from '../content/spool.ts'
import type { S3Verdict } from '../faultCodes.ts'
import type { CompletedObject, Gateway, ObjectRequest } from '../gateway.ts'
import { elementsOf, parseXml, textOf, type XmlNode } from '../parseXml.ts'
import { answerInTime } from './answerInTime.ts'
import { checksumElements } from './copyObject.ts'
import { findUpload } from './multipart.ts'
import { storedHeaders } from './objectHeaders.ts'
import { mayWrite } from './preconditions.ts'
import { readDocument } from './readDocument.ts'

/** Ten thousand parts with a checksum each. */
const bodyBytesMax = 4 * 1024 * 1024
const partBytesMin = 5 * 1024 * 1024
const objectBytesMax = 5 * 2 ** 40
const hashedAtOnceBytes = 1024 * 1024

export async function completeUpload(gateway: Gateway, request: ObjectRequest): Promise<S3Verdict<HttpResponse>> {
  const { bucket, key, query } = request
  const uploadId = query.get('uploadId') ?? ''
  const body = await readDocument(request, bodyBytesMax)
  if (!body.ok) return body
  const before = gateway.uploads.completed(uploadId)
  if (before?.bucket === bucket && before.key === key) {
    return answerInTime(gateway, request, Promise.resolve(accept({ etag: before.etag, headers: {}, elements: {} })))
  }
  const upload = findUpload(gateway, request)
  if (!upload.ok) return upload
  const running = gateway.completing.get(uploadId)
  if (running) return answerInTime(gateway, request, running)
  const listed = readList(body.value)
  if (!listed.ok) return listed
  const parts = chooseParts(listed.value, gateway.uploads.parts(uploadId), upload.value)
  if (!parts.ok) return parts
  if (!mayWrite(request.headers, gateway.catalog.object(bucket, key))) return reject('PreconditionFailed')
  const completing = complete(gateway, request, upload.value, parts.value).finally(() =>
    gateway.completing.delete(uploadId),
  )
  gateway.completing.set(uploadId, completing)
  return answerInTime(gateway, request, completing)
}

type ListedPart = { number: number; etag: string; node: XmlNode }

function readList(bytes: Uint8Array): S3Verdict<ListedPart[]> {
  const document = parseXml(bytes, 'CompleteMultipartUpload')
  if (!document.ok) return document
  const nodes = elementsOf(document.value, 'Part')
  if (!nodes || nodes.length === 0 || nodes.length > 10_000) return reject('MalformedXML')
  const parts: ListedPart[] = []
  for (const node of nodes) {
    const number = textOf(node, 'PartNumber')?.trim() ?? ''
    const etag = textOf(node, 'ETag')?.trim().replace(/^"|"$/g, '')
    if (!/^\d{1,5}$/.test(number) || etag === undefined) return reject('MalformedXML')
    if (parts.length > 0 && Number(number) <= parts.at(-1)!.number) return reject('InvalidPartOrder')
    parts.push({ number: Number(number), etag, node })
  }
  return accept(parts)
}

function chooseParts(
  listed: readonly ListedPart[],
  known: readonly PartRecord[],
  { algorithm, checksumType }: UploadRecord,
): S3Verdict<PartRecord[]> {
  const byNumber = new Map(known.map((part) => [part.number, part]))
  const chosen: PartRecord[] = []
  for (const { number, etag, node } of listed) {
    const part = byNumber.get(number)
    if (!part || part.md5 !== etag.toLowerCase()) return reject('InvalidPart')
    for (const name of checksumAlgorithms) {
      const value = textOf(node, `Checksum${name}`)
      if (value !== undefined && part.checksum?.algorithm === name && part.checksum.value !== value) {
        return reject('InvalidPart', `The checksum of part ${number} does not match.`)
      }
    }
    if (checksumType === 'COMPOSITE' && part.checksum?.algorithm !== algorithm) {
      return reject('InvalidRequest', `The upload was created using a ${algorithm} checksum. Part ${number} has none.`)
    }
    chosen.push(part)
  }
  if (chosen.slice(0, -1).some(({ sizeBytes }) => sizeBytes < partBytesMin)) return reject('EntityTooSmall')
  const sizeBytes = chosen.reduce((sum, part) => sum + part.sizeBytes, 0)
  return sizeBytes > objectBytesMax ? reject('EntityTooLarge') : accept(chosen)
}

async function complete(
  gateway: Gateway,
  request: ObjectRequest,
  upload: UploadRecord,
  parts: readonly PartRecord[],
): Promise<S3Verdict<CompletedObject>> {
  const { catalog, uploads, spool, content } = gateway
  const { uploadId, bucket, key, encrypted, contentType, kept, meta } = upload
  const source = spool.openParts(parts)
  const checksum = await checksumOf(source, upload, parts)
  const promised = checksum && request.headers[checksumHeader(checksum.algorithm)]
  if (checksum && promised !== undefined && promised !== checksum.value) {
    return reject('BadDigest', `The ${checksum.algorithm} you specified did not match the calculated checksum.`)
  }
  const stored = await content.put(source, idOfParts(parts), encrypted)
  const record: ObjectRecord = {
    ...(contentType !== undefined && { contentType }),
    ...(kept && { kept }),
    ...(meta && { meta }),
    ...stored,
    sizeBytes: source.sizeBytes,
    etag: await multipartEtag(parts.map(({ md5 }) => md5)),
    modifiedMs: gateway.nowMs(),
    parts: countEqual(parts.map(({ sizeBytes }) => sizeBytes)),
    ...(checksum && { checksum }),
  }
  const done = await catalog.putObject(bucket, key, record, (current) => mayWrite(request.headers, current))
  if (!done) return reject(catalog.bucket(bucket) ? 'PreconditionFailed' : 'NoSuchBucket')
  await uploads.end(upload, { bucket, key, etag: record.etag, completedMs: gateway.nowMs() })
  await spool.removeUpload(uploadId)
  return accept({ etag: record.etag, headers: storedHeaders(record), elements: checksumElements(record) })
}

async function checksumOf(
  source: SpooledSource,
  { algorithm, checksumType }: UploadRecord,
  parts: readonly PartRecord[],
): Promise<Checksum | undefined> {
  if (!algorithm) return undefined
  if (checksumType === 'COMPOSITE')
    return compositeChecksum(
      algorithm,
      parts.map(({ checksum }) => checksum?.value ?? ''),
    )
  const stream = await createHashStream(algorithm)
  for (let at = 0; at < source.sizeBytes; at += hashedAtOnceBytes) {
    stream.update(await source.read(at, Math.min(hashedAtOnceBytes, source.sizeBytes - at)))
  }
  return { algorithm, value: encodeBase64(stream.digest()), type: 'FULL_OBJECT' }
}

function countEqual(sizes: readonly number[]): [number, number][] {
  const runs: [number, number][] = []
  for (const size of sizes) {
    const last = runs.at(-1)
    if (last?.[0] === size) last[1]++
    else runs.push([size, 1])
  }
  return runs
}
