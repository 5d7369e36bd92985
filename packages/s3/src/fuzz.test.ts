/** Documents, keys, queries and chunked bodies that are nearly right: each has an answer with a code, and no object is harmed. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { textToBytes } from '@weightless/codec'
import { damaged, fuzzRuns, oddJson } from '@weightless/codec/testing/fuzz'
import fc from 'fast-check'
import { openTestGateway, type TestGateway } from './testing/openTestGateway.ts'
import type { RawAnswer } from './testing/sendRaw.ts'

describe('the S3 gateway under fuzz', () => {
  let gateway: TestGateway
  let uploadId: string

  before(async () => {
    gateway = await openTestGateway()
    await gateway.send('PUT', '/box')
    await gateway.send('PUT', '/box/kept', { body: 'kept' })
    const begun = await gateway.send('POST', '/box/parts', { query: { uploads: '' } })
    uploadId = /<UploadId>(.*?)<\/UploadId>/.exec(begun.text)![1]!
    await gateway.send('PUT', '/box/parts', { query: { uploadId, partNumber: '1' }, body: 'part' })
  })
  after(() => gateway.close())

  function checkAnswer({ status, text }: RawAnswer, what: string): void {
    assert.ok(status < 500 || status === 501, `${what}: ${status} ${text.slice(0, 200)}`)
    if (status >= 400 && text !== '') assert.match(text, /<Code>\w+<\/Code>/, what)
  }

  async function checkKept(): Promise<void> {
    assert.equal((await gateway.send('GET', '/box/kept')).text, 'kept')
    // The part alone that was sent before.
    assert.ok((await gateway.env.disk.list('s3/spool')).length <= 1)
  }

  test('documents with a few bytes changed, said twice or left out', async () => {
    const part = '<Part><PartNumber>1</PartNumber><ETag>"00"</ETag></Part>'
    const documents: [path: string, query: Record<string, string>, document: string][] = [
      ['/box', { delete: '' }, '<Delete><Quiet>true</Quiet><Object><Key>a&amp;b</Key></Object></Delete>'],
      ['/box/parts', { uploadId }, `<CompleteMultipartUpload>${part}${part}</CompleteMultipartUpload>`],
    ]
    const cases = fc.oneof(
      ...documents.map(([path, query, document]) =>
        fc
          .oneof(
            damaged(textToBytes(document)),
            fc.nat(3_000).map((depth) => textToBytes('<Object>'.repeat(depth))),
            fc
              .nat(2_000)
              .map((count) => textToBytes(document.replace(/<(Part|Object)>.*<\/\1>/, (one) => one.repeat(count)))),
            fc
              .constantFrom('<!DOCTYPE x [<!ENTITY a "aaaa">]><Delete/>', '<?xml?>', '<Delete><Object/></Delete>')
              .map(textToBytes),
          )
          .map((body) => ({ path, query, body })),
      ),
    )
    await fc.assert(
      fc.asyncProperty(cases, async ({ path, query, body }) => {
        checkAnswer(await gateway.send('POST', path, { query, body }), Buffer.from(body).toString().slice(0, 300))
      }),
      fuzzRuns(150),
    )
    await checkKept()
  })

  test('keys of any text come back under their own name and under no other', async () => {
    const keys = fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
      fc
        .array(fc.constantFrom('..', '.', '', 'a', '\\', '\0', '%2e', ' ', '+', '~'), { minLength: 2, maxLength: 6 })
        .map((parts) => parts.join('/')),
    )
    await fc.assert(
      fc.asyncProperty(keys, async (key) => {
        if (key === 'kept' || key === 'parts' || !key.isWellFormed()) return
        const path = `/box/${encodeURIComponent(key)}`
        const put = await gateway.send('PUT', path, { body: key })
        checkAnswer(put, key)
        if (put.status === 200) assert.equal((await gateway.send('GET', path)).text, key)
      }),
      fuzzRuns(60),
    )
    await checkKept()
  })

  test('queries and headers of any value', async () => {
    const names = ['uploadId', 'partNumber', 'max-keys', 'marker', 'continuation-token', 'list-type', 'start-after']
    const more = [
      'delimiter',
      'encoding-type',
      'versionId',
      'max-parts',
      'part-number-marker',
      'max-uploads',
      'uploads',
    ]
    const value = oddJson.filter((one) => typeof one !== 'object').map((one) => String(one).slice(0, 2_000))
    const query = fc.dictionary(fc.constantFrom(...names, ...more, 'prefix', 'acl', 'attributes'), value, {
      maxKeys: 4,
    })
    const headers = fc.dictionary(
      fc.constantFrom(
        'range',
        'if-match',
        'if-modified-since',
        'x-amz-copy-source',
        'x-amz-copy-source-range',
        'content-md5',
      ),
      value.map((text) =>
        text
          .replace(/[^\x20-\x7e]/g, '?')
          .trim()
          .slice(0, 200),
      ),
      { maxKeys: 2 },
    )
    const target = fc.constantFrom('/', '/box', '/box/other', '/box/parts')
    const method = fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'DELETE')
    await fc.assert(
      fc.asyncProperty(method, target, query, headers, async (verb, path, asked, given) => {
        // What ends the upload would leave nothing to ask about.
        if (verb === 'DELETE' && path === '/box/parts') return
        const answer = await gateway.send(verb, path, { query: { ...asked }, headers: { ...given } })
        checkAnswer(answer, `${verb} ${path} ${JSON.stringify(asked)} ${JSON.stringify(given)}`)
      }),
      fuzzRuns(250),
    )
    await checkKept()
  })

  test('chunked bodies with changed bytes store nothing but what they say', async () => {
    const content = 'x'.repeat(3_000)
    const body = textToBytes(`bb8\r\n${content}\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n`)
    const headers = {
      'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'x-amz-decoded-content-length': '3000',
      'x-amz-trailer': 'x-amz-checksum-crc32',
    }
    await fc.assert(
      fc.asyncProperty(damaged(body), async (changed) => {
        const answer = await gateway.send('PUT', '/box/chunked', { body: changed, headers })
        checkAnswer(answer, 'chunked')
        // The checksum is of other bytes, so that only one in four thousand million could pass.
        assert.ok(answer.status >= 400)
      }),
      fuzzRuns(100),
    )
    assert.equal((await gateway.send('GET', '/box/chunked')).status, 404)
    await checkKept()
  })
})
