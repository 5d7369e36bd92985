/** Files through a real chain and real nodes: stored once, paid once, proved on the way back, resumed after failures. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Chain, openChain } from '@weightless/chain'
import { bytesToHex } from '@weightless/codec'
import { addresses, genesis } from '@weightless/contracts'
import { FileSizeInvalidError, fileTree, segmentBytes } from '@weightless/crypto'
import type { Env, FetchOptions, Network } from '@weightless/env'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { createLedger, type Ledger } from '@weightless/ledger'
import { type StorageService, startStorage, startStorageNode } from '@weightless/storage'
import { mnemonicToAccount } from 'viem/accounts'
import { BlobMissingError, type BlobProgress, BlobUnreadableError, createBlobs } from './index.ts'

const chainId = 31337
let folder: string
let env: NodeEnv
let chain: Chain
let ledger: Ledger
let storage: StorageService
let replica: StorageService

describe('blobs', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weightless-blobs-'))
    env = createNodeEnv({ dataFolder: folder, log: 'silent' })
    chain = await openChain({ env, folder: 'chain', chainId, genesis })
    const { url: rpcUrl } = await chain.serve({ port: 0 })
    const account = mnemonicToAccount(genesis.mnemonic, { addressIndex: 7 })
    ledger = createLedger({ env, rpcUrl, account, pollMs: 20 })
    const shared = { env, rpcUrl, flowAddress: addresses.flow, chainId, port: 0 }
    const peerUrls: string[] = []
    replica = await startStorageNode({ ...shared, disk: env.disk.folder('node1'), peerUrls })
    storage = await startStorage({ ...shared, disk: env.disk.folder('node0'), furtherNodeUrls: [replica.url] })
    peerUrls.push(storage.url)
  })

  after(async () => {
    await storage.close()
    await replica.close()
    await chain.close()
    await env.close()
    await rm(folder, { recursive: true, force: true })
  })

  test('a blob is stored, read whole and in ranges, and never paid twice', async () => {
    const blobs = createBlobs({ indexerUrl: storage.url, env, ledger })
    const bytes = noise(3 * segmentBytes + 1234, 1)
    const seen: BlobProgress[] = []
    const quote = await blobs.quote(bytes.length)
    const put = await blobs.put(bytes, { onProgress: (progress) => seen.push(progress) })
    assert.equal(put.root, bytesToHex(fileTree(bytes).root))
    assert.equal(put.feeWei, quote.feeWei)
    assert.ok(put.feeWei > 0n && put.txHash)
    assert.deepEqual(
      [...new Set(seen.map(({ phase }) => phase))],
      ['hashing', 'paying', 'waiting', 'uploading', 'finalizing'],
    )
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
    assert.equal((await blob.read(bytes.length, 1)).length, 0)
    const [again, third] = await Promise.all([
      blobs.put(bytes),
      createBlobs({ indexerUrl: storage.url, env, ledger }).put(bytes),
    ])
    for (const { feeWei, txHash, txSeq } of [again, third])
      assert.deepEqual([feeWei, txHash, txSeq], [0n, undefined, put.txSeq])
  })

  test('after a failure in the middle the same put goes on: no second payment, no segment twice', async () => {
    const bytes = noise(4 * segmentBytes, 2)
    let sent = 0
    const failing = withFetch(env, (_, options, go) => {
      if (options?.method === 'PUT' && ++sent > 2) throw new Error('cut')
      return go()
    })
    await assert.rejects(createBlobs({ indexerUrl: storage.url, env: failing, ledger }).put(bytes), /cut/)
    const balance = await ledger.balanceOf(ledger.address!)
    const resent: string[] = []
    const counting = withFetch(env, (url, options, go) => {
      if (options?.method === 'PUT') resent.push(url)
      return go()
    })
    const put = await createBlobs({ indexerUrl: storage.url, env: counting, ledger }).put(bytes)
    assert.equal(put.feeWei, 0n)
    assert.equal(await ledger.balanceOf(ledger.address!), balance)
    assert.deepEqual(
      resent.map((url) => url.split(/[/?]/).at(-2)),
      ['2', '3'],
    )
    assert.deepEqual(await createBlobs({ indexerUrl: storage.url, env }).get(put.root), bytes)
  })

  test('a paid submission that no node has told of is found on chain', async () => {
    const bytes = noise(5_000, 3)
    const blind = withFetch(env, (_, options, go) => {
      if (options?.method === 'PUT') throw new Error('cut')
      return go()
    })
    await assert.rejects(createBlobs({ indexerUrl: storage.url, env: blind, ledger }).put(bytes), /cut/)
    const deaf = withFetch(env, async (_, options, go) => {
      const answer = await go()
      if (!String(options?.body).includes('"zgs_getFileInfo"')) return answer
      return { ...answer, json: () => Promise.resolve({ result: null }) }
    })
    const put = await createBlobs({ indexerUrl: storage.url, env: deaf, ledger }).put(bytes)
    assert.equal(put.feeWei, 0n)
  })

  test('forged bytes never reach the reader: another node serves, or the read fails', async () => {
    const bytes = noise(2 * segmentBytes, 4)
    const { root } = await createBlobs({ indexerUrl: storage.url, env, ledger }).put(bytes)
    const lying = (from: string) =>
      withFetch(env, async (url, _, go) => {
        const answer = await go()
        if (!url.startsWith(from) || !url.includes('/segment/')) return answer
        const frame = (await answer.bytes()).slice()
        frame[frame.length - 9]! ^= 1
        return { ...answer, bytes: () => Promise.resolve(frame) }
      })
    const everyNode = createBlobs({ indexerUrl: storage.url, env: lying('http'), ledger })
    await assert.rejects(everyNode.get(root), BlobUnreadableError)
    for (let i = 0; ; i++) {
      const holders = await fetch(storage.url, {
        method: 'POST',
        body: JSON.stringify({ id: 1, method: 'indexer_getFileLocations', params: [root] }),
      })
      if (((await holders.json()) as { result: unknown[] }).result.length === 2) break
      assert.ok(i < 200, 'the replica never synced')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    assert.deepEqual(await createBlobs({ indexerUrl: storage.url, env: lying(storage.url), ledger }).get(root), bytes)
  })

  test('wrong input is refused with a typed error', async () => {
    const blobs = createBlobs({ indexerUrl: storage.url, env, ledger })
    await assert.rejects(blobs.put(new Uint8Array(0)), FileSizeInvalidError)
    await assert.rejects(blobs.get(`0x${'12'.repeat(32)}`), BlobMissingError)
    await assert.rejects(createBlobs({ indexerUrl: storage.url, env }).put(noise(10, 5)), { code: 'blobs/blob-unpaid' })
    await assert.rejects(createBlobs({ indexerUrl: 'http://127.0.0.1:9', env }).get(`0x${'12'.repeat(32)}`), {
      code: 'env/network',
    })
    const aborted = AbortSignal.abort()
    await assert.rejects(blobs.put(noise(10, 6), { signal: aborted }), { code: 'env/aborted' })
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

  function noise(length: number, seed: number): Uint8Array {
    let state = seed
    return new Uint8Array(length).map(() => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
      return state >> 16
    })
  }
})
