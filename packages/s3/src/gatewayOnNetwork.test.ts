/** Objects on a real chain and six holders: paid once by the gateway's account, readable with a third of them gone. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { createBlobs } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import { type S3Gateway, startS3Gateway } from './index.ts'
import { openTestNetwork, type TestNetwork } from './testing/openTestNetwork.ts'
import { signAndSend, testCredentials } from './testing/signAndSend.ts'

describe('gateway on the network', () => {
  let network: TestNetwork
  let gateway: S3Gateway

  before(async () => {
    network = await openTestNetwork()
    const { env, indexerUrl, ledger } = network
    const shared = { env, indexerUrl, ledger, credentials: [testCredentials], port: 0 }
    gateway = await startS3Gateway({ ...shared, disk: env.disk.folder('s3') })
    assert.equal((await signAndSend(gateway.url, 'PUT', '/box')).status, 200)
  })
  after(async () => {
    await gateway.close()
    await network.close()
  })

  test('the account of the gateway pays, once for each content, and readers need no key but the gateway’s', async () => {
    const { env, indexerUrl, ledger } = network
    const body = new Uint8Array(700_001).map((_, at) => (at * 31) >> 3)
    const before = await ledger.balanceOf(ledger.address!)
    const put = await signAndSend(gateway.url, 'PUT', '/box/file', { body })
    assert.equal(put.status, 200, put.text)
    const paid = await ledger.balanceOf(ledger.address!)
    assert.ok(paid < before)
    for (const path of ['/box/file', '/box/again'])
      assert.equal((await signAndSend(gateway.url, 'PUT', path, { body })).status, 200)
    assert.equal(await ledger.balanceOf(ledger.address!), paid)

    const root = put.headers['x-weightless-root'] as Hex
    const stored = await createBlobs({ indexerUrl, env }).get(root)
    assert.deepEqual([stored.length, stored[0]], [body.length + 17, 1])
    assert.notEqual(createHash('md5').update(stored.subarray(17)).digest('hex'), JSON.parse(put.headers.etag!))

    const many = Array.from({ length: 24 }, (_, at) =>
      signAndSend(gateway.url, 'PUT', `/box/many/${at}`, { body: `many ${at}` }),
    )
    assert.deepEqual([...new Set((await Promise.all(many)).map(({ status }) => status))], [200])

    for (const holder of network.holders.slice(1, 3)) await holder.close()
    const get = await signAndSend(gateway.url, 'GET', '/box/file')
    assert.equal(Buffer.compare(get.body, body), 0)
    const range = await signAndSend(gateway.url, 'GET', '/box/again', { headers: { range: 'bytes=262100-530000' } })
    assert.equal(Buffer.compare(range.body, body.subarray(262_100, 530_001)), 0)
  })
})
