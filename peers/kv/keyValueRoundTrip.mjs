// Puts and gets through a published SDK's own Batcher and KvClient: values small and long, iterators, roles, results.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { ethers } from 'ethers'
import { findKeyValueNode } from './findKeyValueNode.mjs'

/**
 * @param encodeKey what this version of the SDK has its caller do to keys before it asks
 * @param account index of the devnet's account that pays, so that peers do not share nonces
 * @param see told of each transaction, for recordings
 */
export async function keyValueRoundTrip({
  sdk,
  account,
  encodeKey,
  streamId,
  see = () => undefined,
  via = (url) => url,
}) {
  const devnet = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
  const { rpcUrl, accounts } = devnet.chain
  const node = await findKeyValueNode(devnet)
  const kvUrl = await via(node.url)
  const wallet = new ethers.Wallet(accounts[account].privateKey, new ethers.JsonRpcProvider(rpcUrl))
  const stream = streamId ?? ethers.hexlify(ethers.randomBytes(32))
  const flow = sdk.getFlowContract(devnet.contracts.flow, wallet)
  const kv = new sdk.KvClient(kvUrl)
  const seen = []

  async function exec(fill) {
    const batcher = new sdk.Batcher(1, [new sdk.StorageNode(devnet.storage.indexerUrl)], flow, rpcUrl)
    fill(batcher.streamDataBuilder)
    const content = ethers.hexlify(batcher.streamDataBuilder.build().encode())
    const tags = ethers.hexlify(batcher.streamDataBuilder.buildTags())
    const startedMs = performance.now()
    const [, error] = await batcher.exec()
    assert.equal(error, null)
    see({ content, tags, sender: wallet.address.toLowerCase() })
    return Math.round(performance.now() - startedMs)
  }
  const until = async (what, look) => {
    for (let attempt = 0; attempt < 300; attempt++) {
      const found = await look()
      if (found) return found
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    throw new Error(`never happened: ${what}`)
  }
  const bytes = (text) => Uint8Array.from(Buffer.from(text))
  const key = (text) => encodeKey(bytes(text))
  const text = (value) => Buffer.from(value.data, 'base64').toString()

  const tookMs = await exec((builder) => {
    builder.set(stream, bytes('key1'), bytes('value1'))
    builder.set(stream, bytes('key2'), bytes('v2'))
    builder.set(stream, bytes('key3'), bytes('three'))
  })
  const first = await until('key1', async () => {
    const value = await kv.getValue(stream, key('key1'))
    return value?.size > 0 && value
  })
  assert.equal(text(first), 'value1')
  assert.equal(text(await kv.getValue(stream, key('key2'))), 'v2')
  assert.equal((await kv.getValue(stream, key('none'))).size, 0)
  assert.equal(await kv.getTransactionResult(first.version), 'Commit')
  seen.push(`three keys put in ${tookMs} ms, got back as ${stream.slice(0, 10)}… version ${first.version}`)

  const long = Uint8Array.from({ length: 600_000 }, (_, at) => (at * 7 + (at >> 8) * 13) & 255)
  const wait = await exec((builder) => {
    // Version 1 has not seen the newest writes: only new keys are free of conflict.
    builder.set(stream, bytes('long'), long)
  })
  const big = await until('long', async () => {
    const value = await kv.get(stream, key('long'), 0, 10)
    return value?.size > 0 && value
  })
  assert.equal(big.size, long.length)
  const whole = await kv.getValue(stream, key('long'))
  assert.ok(Buffer.from(whole.data, 'base64').equals(Buffer.from(long)), 'a long value came back changed')
  seen.push(`600,000 bytes in one key put in ${wait} ms, back byte for byte`)

  await walkBothWays(kv, stream)
  seen.push('iterated over four keys, both ways')
  assert.equal(await kv.isAdmin(wallet.address, stream), true)
  assert.equal(await kv.isWriterOfStream(wallet.address, stream), false)
  assert.equal(await kv.hasWritePermission(accounts[0].address, stream, key('key1')), false)
  assert.equal(await kv.isSpecialKey(stream, key('key1')), false)
  assert.equal(await kv.isWriterOfKey(wallet.address, stream, key('key1')), false)
  assert.ok((await kv.getHoldingStreamIds()).includes(stream))
  seen.push('the sender is admin of the stream, others may not write')
  await node.close()
  console.log(seen.join('\n'))
}

async function walkBothWays(kv, stream) {
  const iterator = kv.newIterator(stream)
  const walked = []
  assert.equal(await iterator.seekToFirst(), null)
  while (iterator.valid()) {
    walked.push(Buffer.from(iterator.getCurrentPair().data, 'base64').length)
    assert.equal(await iterator.next(), null)
  }
  assert.deepEqual(walked, [6, 2, 5, 600_000])
  assert.equal(await iterator.seekToLast(), null)
  const backwards = []
  while (iterator.valid()) {
    backwards.push(Buffer.from(iterator.getCurrentPair().data, 'base64').length)
    assert.equal(await iterator.prev(), null)
  }
  assert.deepEqual(backwards, [600_000, 5, 2, 6])
}
