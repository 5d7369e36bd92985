/** Files through a real chain, a gateway and six holders: private for the owner alone, paid once, folders whole again. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { toBlobSource } from '@weightless/blobs'
import { type Chain, openChain } from '@weightless/chain'
import { concatBytes, textToBytes } from '@weightless/codec'
import { addresses, genesis } from '@weightless/contracts'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { type HolderService, type StorageService, startHolder, startStorage } from '@weightless/storage'
import { encodeDirectory } from '@weightless/storage/wire'
import { mnemonicToAccount } from 'viem/accounts'
import { type Client, createClient } from '../client.ts'
import { FolderUnsafeError, NoFolderError } from './folders.ts'

let folder: string
let env: NodeEnv
let chain: Chain
let storage: StorageService
let holders: HolderService[]
let rpcUrl = ''
const chainId = genesis.chainId

function clientOf(addressIndex: number | undefined): Client {
  const config = {
    chain: { rpcUrl, wsUrl: rpcUrl, chainId, accounts: [] },
    contracts: { ...addresses },
    storage: { indexerUrl: storage.url, nodeUrls: [] },
    compute: { gatewayUrl: '', providers: [] },
  }
  const account = addressIndex === undefined ? undefined : mnemonicToAccount(genesis.mnemonic, { addressIndex })
  return createClient({ env, config, ...(account && { account }) })
}

describe('files over a network of six holders', { timeout: 120_000 }, () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weightless-files-'))
    env = createNodeEnv({ dataFolder: folder, log: 'silent' })
    chain = await openChain({ env, folder: 'chain', chainId, genesis })
    rpcUrl = (await chain.serve({ port: 0 })).url
    const shared = { env, rpcUrl, flowAddress: addresses.flow, chainId, port: 0 }
    storage = await startStorage({ ...shared, disk: env.disk.folder('gateway'), coded: { nodesExpected: 6 } })
    const open = (i: number) =>
      startHolder({
        ...shared,
        disk: env.disk.folder(`holder-${i}`),
        secretKey: new Uint8Array(32).fill(i + 1),
        shard: i < 4 ? { numShard: 4, shardId: i } : null,
        indexerUrls: [storage.url],
        announceMs: 250,
      })
    holders = await Promise.all([0, 1, 2, 3, 4, 5].map(open))
    while ((await clientOf(undefined).storage.nodes()).length < 6) await env.clock.sleep(20)
  })

  after(async () => {
    await Promise.all(holders.map((holder) => holder.close()))
    await storage.close()
    await chain.close()
    await env.close()
    await rm(folder, { recursive: true, force: true })
  })

  test('a private file: marked on chain, read by its owner whole and in ranges, hidden from everybody else', async () => {
    const mine = clientOf(2)
    const letter = textToBytes('Nobody else may read this. '.repeat(30_000))
    const quote = await mine.files.quote(letter.length + 17)
    const stored = await mine.files.upload(letter)
    assert.equal(stored.feeWei, quote.feeWei)
    assert.equal(stored.stage, 'final')
    const [record] = await mine.files.list()
    assert.deepEqual([record?.root, record?.isPrivate], [stored.root, true])
    const paidUntilMs = await mine.files.paidUntilMs(stored.txSeq)
    assert.ok(Math.abs(paidUntilMs! - Date.now() - quote.lifetimeMs!) < 60_000)
    assert.equal((await mine.files.lifetime(stored.root)).paidUntilMs, paidUntilMs)

    // Another device of the same account has nothing but the account.
    const elsewhere = clientOf(2)
    assert.deepEqual(await elsewhere.files.download(stored.root), letter)
    const opened = await elsewhere.files.open(stored.root)
    assert.equal(opened.sizeBytes, letter.length)
    for (const [offset, length] of [
      [0, 5],
      [262_130, 40],
      [letter.length - 3, 100],
    ] as const)
      assert.deepEqual(await opened.read(offset, length), letter.slice(offset, offset + length))

    const hidden = await clientOf(3).files.download(stored.root)
    assert.equal(hidden.length, letter.length + 17)
    assert.ok(!new TextDecoder().decode(hidden).includes('Nobody'))
    assert.deepEqual(await clientOf(undefined).files.download(stored.root), hidden)
    assert.deepEqual(await mine.files.download(stored.root, { isRaw: true }), hidden)

    const { feeWei } = await mine.files.renew(stored.root, { lifetimes: 2 })
    assert.equal(feeWei, 2n * stored.feeWei)
    assert.equal(await mine.files.paidUntilMs(stored.txSeq), paidUntilMs! + 2 * quote.lifetimeMs!)
  })

  test('an upload that was broken off goes on under the same root and is paid once', async () => {
    const mine = clientOf(4)
    const bytes = env.random.bytes(3_000_000)
    const control = new AbortController()
    const onProgress = ({ phase, doneBytes }: { phase: string; doneBytes: number }) => {
      if (phase === 'uploading' && doneBytes > 0) control.abort()
    }
    await assert.rejects(mine.files.upload(bytes, { signal: control.signal, onProgress }))
    const before = (await mine.account.balance()).chainWei
    const [paid] = await mine.files.list()
    const stored = await clientOf(4).files.upload(bytes)
    const after = (await mine.account.balance()).chainWei
    // Holders take nothing before they see the submission, so it was paid when the first bytes had gone.
    assert.deepEqual([stored.root, stored.feeWei, after], [paid?.root, 0n, before])
    const again = await mine.files.upload(bytes)
    assert.deepEqual([again.root, again.feeWei], [stored.root, 0n])
    assert.equal((await mine.account.balance()).chainWei, after)
    assert.equal((await mine.files.list()).length, 1)
    assert.deepEqual(await mine.files.download(stored.root), bytes)
  })

  test('folders: private and public, with empty files and the same file twice; unsafe ones are refused', async () => {
    const mine = clientOf(6)
    const parts = { 'a.txt': 'one', 'deep/er/b.txt': 'two', 'deep/same.txt': 'one', 'deep/empty': '' }
    const files = Object.entries(parts).map(([path, text]) => ({ path, source: toBlobSource(textToBytes(text)) }))
    for (const isPublic of [false, true]) {
      const stored = await mine.files.uploadFolder('papers', files, { isPublic })
      assert.deepEqual([stored.files, stored.sizeBytes, stored.isPrivate], [4, 9, !isPublic])
      assert.equal((await mine.files.uploadFolder('papers', files, { isPublic })).feeWei, 0n)
      const found: { [path: string]: string } = {}
      const opened = await clientOf(6).files.downloadFolder(stored.root, {
        onFile: async ({ path, root }, blob) => {
          assert.equal(root === undefined, blob === undefined)
          const pieces: Uint8Array[] = []
          if (blob) for await (const piece of blob.stream()) pieces.push(piece)
          found[path] = new TextDecoder().decode(concatBytes(pieces))
        },
      })
      assert.equal(opened.name, 'papers')
      assert.deepEqual(found, parts)
      const stranger = clientOf(undefined).files.openFolder(stored.root)
      if (isPublic) assert.equal((await stranger).files.length, 4)
      else await assert.rejects(stranger, NoFolderError)
    }
    const inner = { name: '../x', type: 'file', roots: [], sizeBytes: 0, link: '', entries: [] } as const
    const evil = encodeDirectory({
      ...inner,
      name: 'top',
      type: 'directory',
      roots: [],
      entries: [{ ...inner, roots: [], entries: [] }],
    })
    const { root } = await mine.files.upload(evil, { isPublic: true })
    await assert.rejects(mine.files.openFolder(root), FolderUnsafeError)
  })

  test('a file lies on six nodes, and is read with two of them gone', async () => {
    const mine = clientOf(5)
    const bytes = env.random.bytes(1_500_000)
    const { root } = await mine.files.upload(bytes, { isPublic: true })
    const place = await mine.storage.locate(root)
    assert.deepEqual([place?.dataRows, place?.parityRows, place?.stage], [4, 2, 'final'])
    const urls = place!.holders.map(({ url }) => url!)
    assert.deepEqual(await Promise.all(urls.map((url) => mine.storage.isAnswering(url))), Array(6).fill(true))
    await Promise.all(holders.splice(0, 2).map((holder) => holder.close()))
    const answering = await Promise.all(urls.map((url) => mine.storage.isAnswering(url)))
    assert.equal(answering.filter((each) => each).length, 4)
    assert.deepEqual(await clientOf(undefined).files.download(root), bytes)
  })
})
