// Amazon's JavaScript SDK, unmodified: objects, ranges, multipart, presigned URLs, listings, copies, deletions, refusals.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { openGateway } from './openGateway.mjs'

const gateway = await openGateway()
const { url: endpoint, accessKeyId, secretAccessKey } = gateway
const options = { endpoint, region: 'us-east-1', forcePathStyle: true }
const s3 = new S3Client({ ...options, credentials: { accessKeyId, secretAccessKey } })
const Bucket = `sdk-${randomBytes(4).toString('hex')}`
const read = async (parameters) => {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, ...parameters }))
  return Buffer.from(await Body.transformToByteArray())
}

try {
  await s3.send(new CreateBucketCommand({ Bucket }))
  const { Buckets } = await s3.send(new ListBucketsCommand({}))
  assert.ok(Buckets.some(({ Name }) => Name === Bucket))

  for (const length of [0, 1, 255, 256, 257, 262_144, 1_000_003]) {
    const Body = randomBytes(length)
    const Key = `sizes/${length} ünï+&?.bin`
    const put = await s3.send(
      new PutObjectCommand({ Bucket, Key, Body, ContentType: 'text/x-weightless', Metadata: { colour: 'blue' } }),
    )
    assert.equal(put.ETag, `"${createHash('md5').update(Body).digest('hex')}"`)
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key }))
    assert.deepEqual(
      [head.ContentLength, head.ContentType, head.Metadata],
      [length, 'text/x-weightless', { colour: 'blue' }],
    )
    assert.deepEqual(await read({ Key }), Body)
    if (length > 300) assert.deepEqual(await read({ Key, Range: 'bytes=100-299' }), Body.subarray(100, 300))
  }
  for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256']) {
    const Body = randomBytes(70_000)
    const Key = `checksums/${ChecksumAlgorithm}`
    const put = await s3.send(new PutObjectCommand({ Bucket, Key, Body, ChecksumAlgorithm }))
    assert.ok(put[`Checksum${ChecksumAlgorithm}`], `${ChecksumAlgorithm} is not in the answer`)
    assert.deepEqual(await read({ Key, ChecksumMode: 'ENABLED' }), Body)
  }
  console.log('put, head, get and ranges agree at 7 sizes and with 5 checksums')

  const big = randomBytes(12 * 1024 * 1024 + 7)
  const params = { Bucket, Key: 'big', Body: big, ContentType: 'application/x-big' }
  await new Upload({ client: s3, params, partSize: 5 * 1024 * 1024, queueSize: 3 }).done()
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'big' }))
  assert.match(head.ETag, /^"[0-9a-f]{32}-3"$/)
  assert.deepEqual(await read({ Key: 'big' }), big)
  assert.deepEqual(await read({ Key: 'big', Range: 'bytes=-9' }), big.subarray(-9))
  await s3.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/big` }))
  assert.deepEqual(await read({ Key: 'copy', Range: 'bytes=5000000-5300000' }), big.subarray(5_000_000, 5_300_001))
  console.log('multipart of 3 parts and a copy read back')

  const getUrl = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'big' }), { expiresIn: 60 })
  assert.deepEqual(Buffer.from(await (await fetch(getUrl)).arrayBuffer()), big)
  const putUrl = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: 'presigned' }), { expiresIn: 60 })
  assert.equal((await fetch(putUrl, { method: 'PUT', body: 'by URL' })).status, 200)
  assert.equal((await read({ Key: 'presigned' })).toString(), 'by URL')
  assert.equal(
    (await fetch(getUrl.replace(/X-Amz-Signature=(.)/, (_, digit) => `X-Amz-Signature=${digit === 'f' ? 'e' : 'f'}`)))
      .status,
    403,
  )
  console.log('presigned URLs read and write; a changed one does not')

  const rolled = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: '/' }))
  assert.deepEqual(
    rolled.CommonPrefixes.map(({ Prefix }) => Prefix),
    ['checksums/', 'sizes/'],
  )
  const keys = []
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 4 }, { Bucket })) {
    keys.push(...page.Contents.map(({ Key }) => Key))
  }
  assert.equal(keys.length, 15)
  const stranger = new S3Client({ ...options, credentials: { accessKeyId, secretAccessKey: 'guessed' } })
  await assert.rejects(stranger.send(new ListBucketsCommand({})), { name: 'SignatureDoesNotMatch' })
  await assert.rejects(read({ Key: 'nothing' }), { name: 'NoSuchKey' })
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'copy' }))
  await assert.rejects(read({ Key: 'copy' }), { name: 'NoSuchKey' })
  await assert.rejects(s3.send(new DeleteBucketCommand({ Bucket })), { name: 'BucketNotEmpty' })
  const Objects = keys.filter((Key) => Key !== 'copy').map((Key) => ({ Key }))
  const deleted = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))
  assert.equal(deleted.Deleted.length, 14)
  await s3.send(new DeleteBucketCommand({ Bucket }))
  console.log('listings page and roll up; strangers are refused; deletions leave an empty bucket')
} finally {
  s3.destroy()
  await gateway.close()
}
