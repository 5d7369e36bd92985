/** The whole way of a file on a coded network: a real chain, an indexer, six holders. Paid once, resumed, renewed. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Chain, openChain } from '@weightless/chain'
import { bytesToHex } from '@weightless/codec'
import { addresses, genesis } from '@weightless/contracts'
import { fileTree, segmentBytes, sha256 } from '@weightless/crypto'
import type { Env, FetchOptions, Network } from '@weightless/env'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { createLedger, type Ledger } from '@weightless/ledger'
import { type HolderService, type StorageService, startHolder, startStorage } from '@weightless/storage'
import { mnemonicToAccount } from 'viem/accounts'
import { type BlobProgress, type BlobsOptions, createBlobs } from './index.ts'
import { noise } from './testing/codedNetwork.ts'

const chainId = 31337

describe('blobs on a coded network', () => {
  let folder: string
  let env: NodeEnv
  let chain: Chain
  let ledger: Ledger
  let storage: StorageService
  const holders: HolderService[] = []

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weightless-blobs-'))
    env = createNodeEnv({ dataFolder: folder, log: 'silent' })
    chain = await openChain({ env, folder: 'chain', chainId, genesis })
    const { url: rpcUrl } = await chain.serve({ port: 0 })
    const account = mnemonicToAccount(genesis.mnemonic, { addressIndex: 6 })
    ledger = createLedger({ env, rpcUrl, account, pollMs: 20 })
    const shared = { env, rpcUrl, flowAddress: addresses.flow, chainId, port: 0, prune: { checkMs: 100 } }
    storage = await startStorage({ ...shared, disk: env.disk.folder('gateway'), coded: {} })
    const start = async (index: number) =>
      startHolder({
        ...shared,
        disk: env.disk.folder(`holder${index}`),
        secretKey: sha256(new Uint8Array([index, 9])),
        shard: index < 4 ? { numShard: 4, shardId: index } : null,
        indexerUrls: [storage.url],
        announceMs: 100,
      })
    holders.push(...(await Promise.all([0, 1, 2, 3, 4, 5].map(start))))
    for (let i = 0; i < 100; i++) {
      const nodes = (await (await fetch(`${storage.url}/nodes`)).json()) as unknown[]
      if (nodes.length === 6) break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })

  after(async () => {
    for (const holder of holders) await holder.close()
    await storage.close()
    await chain.close()
    await env.close()
    await rm(folder, { recursive: true, force: true })
  })

  const open = (options: Partial<BlobsOptions> = {}) =>
    createBlobs({ indexerUrl: storage.url, env, ledger, ...options })

  test('a blob is final at six holders, read whole and in ranges, and never paid twice', async () => {
    const blobs = open()
    const bytes = noise(9 * segmentBytes + 1234, 1)
    const seen: BlobProgress[] = []
    const quote = await blobs.quote(bytes.length)
    const put = await blobs.put(bytes, { onProgress: (progress) => seen.push(progress) })
    assert.deepEqual([put.root, put.stage, put.feeWei], [bytesToHex(fileTree(bytes).root), 'final', quote.feeWei])
    assert.equal(new Set(put.placement?.holders).size, 6)
    assert.ok(seen.some(({ phase, doneBytes }) => phase === 'uploading' && doneBytes === bytes.length))
    assert.deepEqual(await blobs.get(put.root), bytes)
    const blob = await blobs.openBlob(put.root)
    for (const [offset, length] of [
      [0, 1],
      [segmentBytes - 3, 10],
      [bytes.length - 5, 100],
      [10, 3 * segmentBytes],
    ] as const) {
      assert.deepEqual(await blob.read(offset, length), bytes.subarray(offset, offset + length))
    }
    const balance = await ledger.balanceOf(ledger.address!)
    for (const again of await Promise.all([blobs.put(bytes), open().put(bytes)])) {
      assert.deepEqual([again.feeWei, again.txHash, again.txSeq], [0n, undefined, put.txSeq])
    }
    assert.equal(await ledger.balanceOf(ledger.address!), balance)
  })

  test('a killed client resumes: no second payment, and nothing is sent that holders have', async () => {
    const bytes = noise(24 * segmentBytes, 2)
    let posts = 0
    const dying = withFetch(env, (_, options, go) => {
      if (options?.method === 'POST' && _.includes('/fragments/') && ++posts > 8) throw new Error('killed')
      return go()
    })
    await assert.rejects(open({ env: dying, stallMs: 500 }).put(bytes))
    const balance = await ledger.balanceOf(ledger.address!)
    let sentBytes = 0
    const counting = withFetch(env, (url, options, go) => {
      if (options?.method === 'POST' && url.includes('/fragments/')) {
        for (const part of options.body as Uint8Array[]) sentBytes += part.length
      }
      return go()
    })
    const put = await open({ env: counting }).put(bytes)
    assert.deepEqual([put.stage, put.feeWei], ['final', 0n])
    assert.equal(await ledger.balanceOf(ledger.address!), balance)
    assert.ok(sentBytes < bytes.length * 1.5 * 0.95, `${sentBytes} bytes were sent again`)
    assert.deepEqual(await open().get(put.root), bytes)
  })

  test('many small files cost one transaction, and different files go side by side', async () => {
    const files = [5, 300_000, 77, 5_000].map((length) => noise(length, length))
    const nonce = async () => Number(await ledger.rpc.request('eth_getTransactionCount', [ledger.address!, 'latest']))
    const before = await nonce()
    const stored = await open().putMany([...files, files[0]!])
    assert.equal(await nonce(), before + 1)
    assert.equal(stored[4]!.root, stored[0]!.root)
    for (const [i, file] of files.entries()) assert.deepEqual(await open().get(stored[i]!.root), file)
    const blobs = open()
    const both = await Promise.all([blobs.put(noise(700_000, 8)), blobs.put(noise(600_000, 9))])
    assert.ok(both.every(({ stage }) => stage === 'final'))
  })

  test('tags make a submission of their own; paid time can be read and bought', async () => {
    const blobs = open()
    const bytes = noise(1_000, 10)
    const plain = await blobs.put(bytes)
    const tagged = await blobs.put(bytes, { tags: '0xabcd' })
    assert.notEqual(tagged.txSeq, plain.txSeq)
    assert.equal(tagged.feeWei, 0n)
    assert.equal((await blobs.put(bytes, { tags: '0xabcd' })).txSeq, tagged.txSeq)
    const before = await blobs.lifetime(plain.root)
    const { feeWei } = await blobs.renew(plain.root)
    assert.equal(feeWei, (await blobs.quote(bytes.length)).feeWei)
    const after = await blobs.lifetime(plain.root)
    assert.ok(after.paidUntilMs! > before.paidUntilMs! + 1000 * 3600)
  })

  test('what nobody pays for any more is let go of, and is paid and stored anew', async () => {
    const blobs = open()
    const bytes = noise(700_000, 11)
    const first = await blobs.put(bytes)
    const { paidUntilMs } = await blobs.lifetime(first.root)
    const nowMs = Number((await ledger.block('latest')).timestampSeconds) * 1000
    await ledger.rpc.request('evm_increaseTime', [Math.ceil((paidUntilMs! - nowMs) / 1000) + 2 * 86_400])
    await ledger.rpc.request('evm_mine', [])
    const held = () => holders.filter(({ holder }) => holder.placements.find(first.root).length > 0).length
    const isKnown = async () => (await (await fetch(`${storage.url}/placement/${first.root}`)).text()) !== '[]'
    for (let i = 0; i < 200 && (held() > 0 || (await isKnown())); i++)
      await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(held(), 0)
    await assert.rejects(blobs.get(first.root))
    const again = await blobs.put(bytes)
    assert.ok(again.txSeq > first.txSeq)
    assert.equal(again.feeWei, first.feeWei)
    assert.deepEqual(await open().get(first.root), bytes)
  })

  type Go = () => ReturnType<Network['fetch']>

  function withFetch(
    base: Env,
    intercept: (url: string, options: FetchOptions | undefined, go: Go) => ReturnType<Network['fetch']>,
  ): Pick<Env, 'network' | 'clock'> {
    const fetch: Network['fetch'] = async (url, options) =>
      intercept(url, options, () => base.network.fetch(url, options))
    return { clock: base.clock, network: { ...base.network, fetch } }
  }
})
