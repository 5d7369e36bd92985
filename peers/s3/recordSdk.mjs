// What `record.mjs` lets Amazon's JavaScript SDK do.
import { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'

export async function runSdk(endpoint, credentials) {
  const s3 = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials })
  const Bucket = 'sdk-bucket'
  const send = (Command, parameters) => s3.send(new Command({ Bucket, ...parameters }))
  const read = async (parameters) => (await send(GetObjectCommand, parameters)).Body.transformToByteArray()
  await send(CreateBucketCommand, {})
  await send(GetBucketLocationCommand, {})
  for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256']) {
    await send(PutObjectCommand, { Key: `a b/${ChecksumAlgorithm}+ü`, Body: 'content', ChecksumAlgorithm })
  }
  await send(PutObjectCommand, { Key: 'empty', Body: '', Metadata: { colour: 'blue' }, CacheControl: 'no-store' })
  // A stream of unknown content goes out in chunks with its checksum behind it.
  const Body = Readable.from([Buffer.alloc(70_000, 'x'), Buffer.from('end')])
  await send(PutObjectCommand, { Key: 'streamed', Body, ContentLength: 70_003 })
  await read({ Key: 'a b/CRC32+ü', ChecksumMode: 'ENABLED' })
  await read({ Key: 'a b/SHA1+ü', Range: 'bytes=2-4' })
  await send(HeadObjectCommand, { Key: 'empty' })
  const params = { Bucket, Key: 'big', Body: Buffer.alloc(5 * 1024 * 1024 + 5, 1) }
  await new Upload({ client: s3, params, queueSize: 1 }).done()
  await read({ Key: 'big', Range: 'bytes=-7' })
  const { UploadId } = await send(CreateMultipartUploadCommand, { Key: 'left' })
  await send(UploadPartCommand, { Key: 'left', UploadId, PartNumber: 3, Body: 'part' })
  await send(ListPartsCommand, { Key: 'left', UploadId })
  await send(ListMultipartUploadsCommand, {})
  await send(AbortMultipartUploadCommand, { Key: 'left', UploadId })
  await send(CopyObjectCommand, { Key: 'copy', CopySource: `${Bucket}/a%20b/CRC32%2B%C3%BC` })
  await send(ListObjectsV2Command, { Delimiter: '/', MaxKeys: 2 })
  await fetch(await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'copy' }), { expiresIn: 600 }))
  await fetch(await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: 'by url' })), {
    method: 'PUT',
    body: 'by url',
  })
  await read({ Key: 'nothing' }).catch(() => undefined)
  await send(DeleteObjectsCommand, { Delete: { Objects: [{ Key: 'copy' }, { Key: 'nothing' }] } })
  s3.destroy()
}
