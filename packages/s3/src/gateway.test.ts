/** The protocol end to end over objects in memory: names, contents, parts, conditions, refusals, restarts. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { fileTree } from '@weightless/crypto'
import { DiskFullError } from '@weightless/env'
import fc from 'fast-check'
import { openTestGateway, type TestGateway } from './testing/openTestGateway.ts'
import { sendRaw } from './testing/sendRaw.ts'
import type { SendOptions } from './testing/signAndSend.ts'

const mebibyte = 1024 * 1024
const md5 = (bytes: Uint8Array | string) => createHash('md5').update(bytes).digest('hex')
/** Compares without listing a million bytes where they differ. */
const same = (a: Uint8Array, b: Uint8Array) =>
  assert.equal(Buffer.compare(a, b), 0, `${a.length} and ${b.length} bytes differ`)
const noise = (length: number, seed: number) => {
  let state = seed
  return new Uint8Array(length).map(() => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return state >> 16
  })
}

describe('gateway', () => {
  let gateway: TestGateway
  const send = (method: string, path: string, options?: SendOptions) => gateway.send(method, path, options)
  const status = async (method: string, path: string, options?: SendOptions) =>
    (await send(method, path, options)).status
  const code = async (method: string, path: string, options?: SendOptions) => {
    const { status: found, text } = await send(method, path, options)
    return `${found} ${/<Code>(\w+)/.exec(text)?.[1] ?? ''}`
  }

  before(async () => {
    gateway = await openTestGateway()
    for (const bucket of ['box', 'other']) assert.equal(await status('PUT', `/${bucket}`), 200)
  })
  after(() => gateway.close())

  test('monitors ask without a signature whether it is up, and nothing else is answered without one', async () => {
    const { host, port } = new URL(gateway.url)
    const ask = (method: string, path: string) =>
      sendRaw(Number(port), { method, path, headers: [['host', host]], body: new Uint8Array(0) })
    for (const path of ['/minio/health/live', '/minio/health/ready']) {
      assert.equal((await ask('GET', path)).status, 200)
      assert.equal((await ask('HEAD', path)).status, 200)
      assert.equal((await ask('PUT', path)).status, 403)
      assert.equal((await ask('GET', `${path}?X-Amz-Signature=00`)).status, 400)
    }
    assert.equal((await ask('GET', '/minio/health/other')).status, 403)
    assert.equal(await code('GET', '/minio/health/live'), '404 NoSuchBucket')
  })

  test('an object comes back whole and in ranges, with its headers and its root', async () => {
    const body = noise(1_000_000, 1)
    const headers = { 'content-type': 'text/plain', 'x-amz-meta-colour': 'blue', 'cache-control': 'no-store' }
    const put = await send('PUT', '/box/a/b%20c', { body, headers })
    assert.equal(put.headers.etag, `"${md5(body)}"`)
    assert.equal(put.headers['x-amz-server-side-encryption'], 'AES256')
    const stored = gateway.blobs.contents.get(put.headers['x-weightless-root'] as `0x${string}`)!
    assert.equal(stored.length, body.length + 17)
    assert.equal(stored[0], 1)
    assert.notEqual(Buffer.compare(stored.subarray(17, 100), body.subarray(0, 83)), 0)
    const get = await send('GET', '/box/a/b%20c')
    same(get.body, body)
    for (const [name, value] of Object.entries(headers)) assert.equal(get.headers[name], value)
    for (const [range, from, to] of [
      ['bytes=0-0', 0, 1],
      ['bytes=7-600000', 7, 600_001],
      ['bytes=999999-', 999_999, 1_000_000],
      ['bytes=-5', 999_995, 1_000_000],
      ['bytes=500000-99999999', 500_000, 1_000_000],
    ] as const) {
      const part = await send('GET', '/box/a/b%20c', { headers: { range } })
      assert.equal(part.status, 206)
      assert.equal(part.headers['content-range'], `bytes ${from}-${to - 1}/1000000`)
      same(part.body, body.subarray(from, to))
    }
    assert.equal(await code('GET', '/box/a/b%20c', { headers: { range: 'bytes=1000000-' } }), '416 InvalidRange')
    assert.equal((await send('GET', '/box/a/b%20c', { headers: { range: 'bytes=5-1,7-8' } })).body.length, 1_000_000)
    const shown = await send('GET', '/box/a/b%20c', {
      query: { 'response-content-type': 'x/y', 'response-expires': 'never' },
    })
    assert.deepEqual([shown.headers['content-type'], shown.headers.expires], ['x/y', 'never'])
    assert.equal(
      await code('GET', '/box/a/b%20c', { query: { 'response-expires': 'a\r\nset-cookie: b' } }),
      '400 InvalidArgument',
    )
  })

  test('the same content has the same root, and a copy moves and pays nothing', async () => {
    const body = noise(300_000, 2)
    const first = await send('PUT', '/box/same/1', { body })
    const paid = gateway.blobs.paid()
    const second = await send('PUT', '/other/same/2', { body })
    assert.equal(second.headers['x-weightless-root'], first.headers['x-weightless-root'])
    const headers = { 'x-amz-copy-source': '/box/same/1', 'x-amz-metadata-directive': 'REPLACE', 'x-amz-meta-new': '1' }
    assert.equal(await status('PUT', '/other/copy', { headers }), 200)
    assert.equal(gateway.blobs.paid(), paid)
    const copy = await send('GET', '/other/copy')
    same(copy.body, body)
    assert.equal(copy.headers['x-amz-meta-new'], '1')
    for (const [source, wanted] of [
      ['/box/none', '404 NoSuchKey'],
      ['/none/none', '404 NoSuchBucket'],
      ['box', '400 InvalidArgument'],
      ['/box/%ff', '400 InvalidArgument'],
    ]) {
      assert.equal(await code('PUT', '/other/x', { headers: { 'x-amz-copy-source': source! } }), wanted)
    }
    assert.equal(
      await code('PUT', '/box/same/1', { headers: { 'x-amz-copy-source': '/box/same/1' } }),
      '400 InvalidRequest',
    )
  })

  test('a bucket without encryption stores what it is given', async () => {
    assert.equal(await status('PUT', '/public'), 200)
    assert.equal(await status('GET', '/public', { query: { encryption: '' } }), 200)
    assert.equal(await status('DELETE', '/public', { query: { encryption: '' } }), 204)
    assert.equal(
      await code('GET', '/public', { query: { encryption: '' } }),
      '404 ServerSideEncryptionConfigurationNotFoundError',
    )
    const body = noise(5000, 3)
    const put = await send('PUT', '/public/file', { body })
    assert.equal(put.headers['x-weightless-root'], bytesToHex(fileTree(body).root))
    assert.equal(put.headers['x-amz-server-side-encryption'], undefined)
    const wished = await send('PUT', '/public/secret', { body, headers: { 'x-amz-server-side-encryption': 'AES256' } })
    assert.equal(wished.headers['x-amz-server-side-encryption'], 'AES256')
    const rule =
      '<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>'
    assert.equal(await status('PUT', '/public', { query: { encryption: '' }, body: rule }), 200)
    assert.equal(
      await code('PUT', '/public', { query: { encryption: '' }, body: rule.replace('AES256', 'aws:kms') }),
      '501 NotImplemented',
    )
    assert.deepEqual(new Uint8Array((await send('GET', '/public/file')).body), body)
  })

  test('conditions hold for reads and writes', async () => {
    const etag = (await send('PUT', '/box/cond', { body: 'one' })).headers.etag!
    const at = (headers: Record<string, string>) => ({ headers })
    const past = new Date(gateway.clock.nowMs - 60_000).toUTCString()
    const now = new Date(gateway.clock.nowMs).toUTCString()
    for (const [method, headers, wanted] of [
      ['GET', { 'if-none-match': etag }, 304],
      ['GET', { 'if-match': '"x"' }, 412],
      ['GET', { 'if-match': etag, 'if-unmodified-since': past }, 200],
      ['GET', { 'if-unmodified-since': past }, 412],
      ['GET', { 'if-modified-since': now }, 304],
      ['GET', { 'if-modified-since': past }, 200],
      ['PUT', { 'if-none-match': '*' }, 412],
      ['PUT', { 'if-match': '"x"' }, 412],
      ['PUT', { 'if-match': etag }, 200],
      ['DELETE', { 'if-match': '"x"' }, 412],
    ] as const) {
      assert.equal(await status(method, '/box/cond', at(headers)), wanted, `${method} ${JSON.stringify(headers)}`)
    }
    const racing = await Promise.all(
      Array.from({ length: 5 }, (_, i) =>
        status('PUT', '/box/once', { body: `${i}`, headers: { 'if-none-match': '*' } }),
      ),
    )
    assert.deepEqual(racing.sort(), [200, 412, 412, 412, 412])
  })

  test('a name that goes leaves a marker, and the content stays', async () => {
    const { 'x-weightless-root': root } = (await send('PUT', '/box/gone', { body: 'still there' })).headers
    assert.equal(await status('DELETE', '/box/gone'), 204)
    const get = await send('GET', '/box/gone')
    assert.deepEqual(
      [get.status, get.headers['x-amz-delete-marker'], get.headers['x-weightless-root']],
      [404, 'true', root],
    )
    assert.ok(gateway.blobs.contents.has(root as `0x${string}`))
    assert.equal(await status('DELETE', '/box/gone'), 204)
    await gateway.restart()
    assert.equal((await send('HEAD', '/box/gone')).headers['x-weightless-root'], root)
    await send('PUT', '/box/gone', { body: 'back' })
    assert.equal((await send('GET', '/box/gone')).text, 'back')
  })

  test('many deletions in one request, with strange keys', async () => {
    const keys = ['d/<&>"\'', 'd/\r\n\u{1f600}', 'd/ plain ']
    for (const key of keys)
      assert.equal(await status('PUT', `/box/${encodeURIComponent(key).replaceAll("'", '%27')}`, { body: 'x' }), 200)
    const listed = (await send('GET', '/box', { query: { prefix: 'd/', 'list-type': '2' } })).text
    assert.match(listed, /<KeyCount>3</)
    assert.match(listed, /d\/&#13;\n\u{1f600}/u)
    const written = (key: string) => key.replace(/[<&\r\n]/g, (char) => `&#${char.charCodeAt(0)};`)
    const list = [...keys, 'd/none', ''].map((key) => `<Object><Key>${written(key)}</Key></Object>`).join('')
    const answer = await send('POST', '/box', { query: { delete: '' }, body: `<Delete xmlns="x">${list}</Delete>` })
    assert.equal(answer.text.match(/<Deleted>/g)?.length, 4)
    assert.equal(answer.text.match(/<Error>/g)?.length, 1)
    assert.match(
      (await send('GET', '/box', { query: { prefix: 'd/' } })).text,
      /<IsTruncated>false<\/IsTruncated><\/ListBucketResult>|<Marker>/,
    )
    for (const body of [
      '<Delete></Delete>',
      '<Delete><Object><Key>a</Object></Delete>',
      '<!DOCTYPE d [<!ENTITY a "b">]><Delete><Object><Key>&a;</Key></Object></Delete>',
      `<Delete>${'<Object><Key>a</Key></Object>'.repeat(1001)}</Delete>`,
      Uint8Array.of(60, 255, 62),
    ]) {
      assert.equal(await code('POST', '/box', { query: { delete: '' }, body }), '400 MalformedXML')
    }
    const huge = await code('POST', '/box', {
      query: { delete: '' },
      headers: { 'content-length': '8000000' },
      tamper: ({ headers }) => {
        headers['content-length'] = '8000000'
      },
    }).catch(String)
    assert.match(huge, /MaxMessageLengthExceeded|hang up|ECONNRESET/)
  })

  test('hostile addresses and bodies are refused, and nothing is stored', async () => {
    const long = 'k'.repeat(1024)
    assert.equal(await status('PUT', `/box/${long}`, { body: 'x' }), 200)
    for (const [method, path, wanted] of [
      ['PUT', `/box/${long}k`, '400 KeyTooLongError'],
      ['PUT', '/box/%ff%fe', '400 InvalidURI'],
      ['PUT', '/box/%zz', '400 InvalidURI'],
      ['PUT', '/Upper', '400 InvalidBucketName'],
      ['PUT', '/ab', '400 InvalidBucketName'],
      ['PUT', '/192.168.0.1', '400 InvalidBucketName'],
      ['PUT', '/a..b', '400 InvalidBucketName'],
      ['PUT', '/..%2f..%2fetc', '400 InvalidBucketName'],
      ['GET', '/none/key', '404 NoSuchBucket'],
      ['GET', '/box/none', '404 NoSuchKey'],
      ['DELETE', '/box', '409 BucketNotEmpty'],
      ['PUT', '/box', '409 BucketAlreadyOwnedByYou'],
      ['PATCH', '/box/a', '405 MethodNotAllowed'],
    ] as const) {
      assert.equal(await code(method, path), wanted, `${method} ${path.slice(0, 30)}`)
    }
    for (const key of ['../../etc/passwd', '..', 'a//b', '/', './x', 'C:\\x', '__proto__', 'constructor']) {
      const path = `/box/${encodeURIComponent(key)}`
      assert.equal(await status('PUT', path, { body: key }), 200)
      assert.equal((await send('GET', path)).text, key)
    }
    for (const [headers, wanted] of [
      [{ 'x-amz-content-sha256': '0'.repeat(64) }, '400 XAmzContentSHA256Mismatch'],
      [{ 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' }, '400 BadDigest'],
      [{ 'content-md5': 'nonsense' }, '400 InvalidDigest'],
      [{ 'x-amz-checksum-crc32': 'AAAAAA==' }, '400 BadDigest'],
      [{ 'x-amz-checksum-crc32': 'AAAA' }, '400 InvalidRequest'],
      [{ 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-sha1': '' }, '400 InvalidRequest'],
      [{ 'x-amz-acl': 'public-read' }, '400 AccessControlListNotSupported'],
      [{ 'x-amz-tagging': 'a=b' }, '501 NotImplemented'],
      [{ 'x-amz-storage-class': 'GLACIER' }, '400 InvalidStorageClass'],
      [{ 'x-amz-server-side-encryption': 'aws:kms' }, '501 NotImplemented'],
      [{ 'x-amz-meta-a': 'x'.repeat(2048) }, '400 MetadataTooLarge'],
      [
        { 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'x-amz-decoded-content-length': '4' },
        '400 IncompleteBody',
      ],
      [{ 'x-amz-content-sha256': 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD' }, '501 NotImplemented'],
    ] as const) {
      assert.equal(
        await code('PUT', '/box/refused', { body: 'body', headers: { ...headers } as Record<string, string> }),
        wanted,
      )
    }
    for (const query of [{ acl: '' }, { tagging: '' }, { policy: '' }, { retention: '' }, { torrent: '' }]) {
      assert.equal(
        await code('PUT', '/box/refused', { body: 'body', query: query as unknown as Record<string, string> }),
        '404 NoSuchKey',
      )
    }
    assert.equal(await code('DELETE', '/box', { query: { policy: '' } }), '501 NotImplemented')
    assert.equal(await status('GET', '/box/refused'), 404)
    assert.deepEqual(await gateway.env.disk.list('s3/spool'), [])
  })

  test('what fails in the network fails for the client, and the old object stays', async () => {
    await send('PUT', '/box/keep', { body: 'old' })
    gateway.blobs.fail = new DiskFullError({ path: 'x' })
    assert.equal(await code('PUT', '/box/keep', { body: noise(400_000, 9) }), '507 InsufficientStorage')
    gateway.blobs.fail = new Error('secret detail')
    const failed = await send('PUT', '/box/keep', { body: 'new' })
    assert.equal(failed.status, 500)
    assert.doesNotMatch(failed.text, /secret/)
    assert.equal((await send('GET', '/box/keep')).text, 'old')
    assert.deepEqual(await gateway.env.disk.list('s3/spool'), [])
  })

  test('an object is visible only when its content is final', async () => {
    let open = () => {}
    gateway.blobs.gate = new Promise((resolve) => {
      open = resolve
    })
    const putting = send('PUT', '/box/later', { body: 'x' })
    await new Promise((resolve) => setTimeout(resolve, 30))
    assert.equal(await status('GET', '/box/later'), 404)
    open()
    assert.equal((await putting).status, 200)
    assert.equal(await status('GET', '/box/later'), 200)
  })

  test('buckets stand in host names too, and presigned URLs work for anybody until they expire', async () => {
    await send('PUT', '/box/by-host', { body: 'hosted' })
    const hosted = await send('GET', '/by-host', { headers: { host: 'box.localhost' } })
    assert.equal(hosted.text, 'hosted')
    const deeper = await send('GET', '/by-host', { headers: { host: 'box.s3.localhost:9000' } })
    assert.equal(deeper.text, 'hosted')
    assert.equal((await send('GET', '/box/by-host', { presignSeconds: 60 })).text, 'hosted')
    const old = { presignSeconds: 60, signedMs: gateway.clock.nowMs - 61_000 }
    assert.equal(await code('GET', '/box/by-host', old), '403 AccessDenied')
    const stranger = { credentials: { accessKeyId: 'weightless', secretAccessKey: 'x' } }
    assert.equal(await code('GET', '/box/by-host', stranger), '403 SignatureDoesNotMatch')
    assert.equal(await status('HEAD', '/box/by-host', stranger), 403)
    const port = Number(new URL(gateway.url).port)
    const bare = await sendRaw(port, {
      method: 'GET',
      path: '/box/by-host',
      headers: [['host', 'localhost']],
      body: new Uint8Array(0),
    })
    assert.match(bare.text, /AccessDenied/)
  })

  test('what clients probe has answers', async () => {
    for (const [query, wanted] of [
      ['location', '200 '],
      ['versioning', '200 '],
      ['acl', '200 '],
      ['cors', '404 NoSuchCORSConfiguration'],
      ['lifecycle', '404 NoSuchLifecycleConfiguration'],
      ['policy', '404 NoSuchBucketPolicy'],
      ['inventory', '501 NotImplemented'],
      ['versions', '200 '],
      ['uploads', '200 '],
    ] as const) {
      assert.equal(await code('GET', '/box', { query: { [query]: '' } }), wanted)
    }
    assert.equal((await send('HEAD', '/box')).headers['x-amz-bucket-region'], 'us-east-1')
  })
})

describe('multipart', () => {
  let gateway: TestGateway
  const send = (method: string, path: string, options?: SendOptions) => gateway.send(method, path, options)

  before(async () => {
    gateway = await openTestGateway()
    await send('PUT', '/box')
  })
  after(() => gateway.close())

  async function begin(key: string, headers: Record<string, string> = {}): Promise<string> {
    const { text } = await send('POST', `/box/${key}`, { query: { uploads: '' }, headers })
    return /<UploadId>(\w+)/.exec(text)![1]!
  }
  const put = (key: string, uploadId: string, number: number, body: Uint8Array | string) =>
    send('PUT', `/box/${key}`, { query: { uploadId, partNumber: String(number) }, body })
  const finish = (key: string, uploadId: string, parts: [number, string][]) => {
    const list = parts.map(([number, etag]) => `<Part><PartNumber>${number}</PartNumber><ETag>"${etag}"</ETag></Part>`)
    return send('POST', `/box/${key}`, {
      query: { uploadId },
      body: `<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`,
    })
  }

  test('parts in any order, over a restart, become one object; asked again it says the same', async () => {
    const parts = [noise(5 * mebibyte, 1), noise(5 * mebibyte, 2), noise(77, 3)]
    const uploadId = await begin('big', { 'content-type': 'a/b' })
    for (const number of [3, 1]) await put('big', uploadId, number, parts[number - 1]!)
    await put('big', uploadId, 2, 'replaced later')
    await gateway.restart()
    assert.equal((await put('big', uploadId, 2, parts[1]!)).headers.etag, `"${md5(parts[1]!)}"`)
    const listed = await send('GET', '/box/big', { query: { uploadId, 'max-parts': '2' } })
    assert.match(listed.text, /<NextPartNumberMarker>2</)
    const list = parts.map((part, at): [number, string] => [at + 1, md5(part)])
    const etag = `"${md5(Buffer.concat(parts.map((part) => Buffer.from(md5(part), 'hex'))))}-3"`
    const [done, twin] = await Promise.all([finish('big', uploadId, list), finish('big', uploadId, list)])
    for (const answer of [done, twin, await finish('big', uploadId, list)]) {
      assert.equal(answer.status, 200)
      assert.ok(answer.text.includes(etag.replaceAll('"', '&quot;')), answer.text)
    }
    const whole = Buffer.concat(parts)
    const get = await send('GET', '/box/big')
    assert.deepEqual([get.headers.etag, get.headers['content-type'], Buffer.compare(get.body, whole)], [etag, 'a/b', 0])
    const second = await send('GET', '/box/big', { query: { partNumber: '2' } })
    assert.equal(Buffer.compare(second.body, parts[1]!), 0)
    assert.equal(second.headers['x-amz-mp-parts-count'], '3')
    assert.deepEqual(await gateway.env.disk.list('s3/parts'), [])
  })

  test('lists that do not fit the parts are refused, and the upload goes on', async () => {
    const uploadId = await begin('strict')
    const [small, other] = ['small', 'other']
    for (const [number, body] of [
      [1, small],
      [2, other],
    ] as const)
      await put('strict', uploadId, number, body)
    for (const [parts, wanted] of [
      [[[1, md5(other)]], 'InvalidPart'],
      [[[3, md5(small)]], 'InvalidPart'],
      [
        [
          [2, md5(other)],
          [1, md5(small)],
        ],
        'InvalidPartOrder',
      ],
      [
        [
          [1, md5(small)],
          [1, md5(small)],
        ],
        'InvalidPartOrder',
      ],
      [
        [
          [1, md5(small)],
          [2, md5(other)],
        ],
        'EntityTooSmall',
      ],
      [[], 'MalformedXML'],
    ] as [[number, string][], string][]) {
      assert.match((await finish('strict', uploadId, parts)).text, new RegExp(`<Code>${wanted}<`))
    }
    for (const partNumber of ['0', '10001', '-1', 'x', '']) {
      assert.equal((await send('PUT', '/box/strict', { query: { uploadId, partNumber }, body: 'x' })).status, 400)
    }
    assert.equal((await put('elsewhere', uploadId, 1, 'x')).status, 404)
    assert.equal((await finish('strict', uploadId, [[2, md5(other)]])).status, 200)
    assert.equal((await send('GET', '/box/strict')).text, other)
  })

  test('an upload that is aborted, or left for a week, leaves nothing', async () => {
    const uploadId = await begin('left')
    await put('left', uploadId, 1, 'x')
    assert.match((await send('GET', '/box', { query: { uploads: '' } })).text, /<Key>left</)
    assert.equal((await send('DELETE', '/box/left', { query: { uploadId } })).status, 204)
    assert.equal((await send('DELETE', '/box/left', { query: { uploadId } })).status, 404)
    const forgotten = await begin('forgotten')
    await put('forgotten', forgotten, 1, 'x')
    gateway.clock.nowMs += 8 * 86_400_000
    await gateway.restart()
    assert.equal((await put('forgotten', forgotten, 2, 'x')).status, 404)
    assert.deepEqual(await gateway.env.disk.list('s3/parts'), [])
  })

  test('a part can be a range of an object that is there', async () => {
    const source = noise(6 * mebibyte, 5)
    await send('PUT', '/box/source', { body: source })
    const uploadId = await begin('joined')
    const headers = {
      'x-amz-copy-source': '/box/source',
      'x-amz-copy-source-range': `bytes=100-${100 + 5 * mebibyte - 1}`,
    }
    const copied = await send('PUT', '/box/joined', { query: { uploadId, partNumber: '1' }, headers })
    const first = source.subarray(100, 100 + 5 * mebibyte)
    assert.ok(copied.text.includes(md5(first)))
    await put('joined', uploadId, 2, 'tail')
    await finish('joined', uploadId, [
      [1, md5(first)],
      [2, md5('tail')],
    ])
    assert.equal(
      Buffer.compare((await send('GET', '/box/joined')).body, Buffer.concat([first, Buffer.from('tail')])),
      0,
    )
  })

  test('checksums over the whole and over the parts', async () => {
    const body = noise(1000, 7)
    for (const [algorithm, type, wanted] of [
      ['CRC32C', 'COMPOSITE', /<ChecksumCRC32C>[^<]+-1<.*COMPOSITE/],
      ['CRC64NVME', 'FULL_OBJECT', /<ChecksumCRC64NVME>[^<]{12}<.*FULL_OBJECT/],
    ] as const) {
      const headers = { 'x-amz-checksum-algorithm': algorithm, 'x-amz-checksum-type': type }
      const uploadId = await begin('sum', headers)
      await send('PUT', '/box/sum', {
        query: { uploadId, partNumber: '1' },
        body,
        headers: { 'x-amz-sdk-checksum-algorithm': algorithm },
      })
      assert.match((await finish('sum', uploadId, [[1, md5(body)]])).text, wanted)
      const shown = await send('HEAD', '/box/sum', { headers: { 'x-amz-checksum-mode': 'ENABLED' } })
      assert.equal(shown.headers['x-amz-checksum-type'], type)
    }
    const impossible = { 'x-amz-checksum-algorithm': 'CRC64NVME', 'x-amz-checksum-type': 'COMPOSITE' }
    assert.equal((await send('POST', '/box/sum', { query: { uploads: '' }, headers: impossible })).status, 400)
  })

  test('documents of any bytes give an answer', async () => {
    const uploadId = await begin('fuzz')
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('<a>', '<CompleteMultipartUpload/>')),
        async (body) => {
          const answer = await send('POST', '/box/fuzz', { query: { uploadId }, body })
          assert.equal(answer.status, 400)
        },
      ),
      { numRuns: 60 },
    )
  })
})
