/** The whole system in one process, on the random tiny model: every journey once, a restart, and a model added live. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { askNodes } from '@weightless/blobs'
import { addresses, genesis } from '@weightless/contracts'
import { fileTree } from '@weightless/crypto'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { type Client, createClient, readNetworkConfig } from '@weightless/sdk'
import { codeFile } from '@weightless/storage/testing/codedFile'
import { encodeFragmentFrame, signShown } from '@weightless/storage/wire'
import { takeProofs } from './auditor/takeProofs.ts'
import { DataFolderBusyError } from './dataFolder.ts'
import { createClosers } from './devnet/closeInOrder.ts'
import { devnetKey } from './devnet/devnetKeys.ts'
import { stakeHolders } from './devnet/stakeHolders.ts'
import { holderKeyFile } from './devnet/startHolders.ts'
import { readDevnetFile } from './devnetFile.ts'
import { type Devnet, startDevnet, WellKnownKeysError } from './startDevnet.ts'
import { startTestDevnet } from './startTestDevnet.ts'
import { nodeIdOf, readHolderStake } from './storageNode/holderStake.ts'
import { readNodeKey } from './storageNode/nodeKey.ts'
import { addModel } from './weights/addModel.ts'

const tiny = join(import.meta.dirname, '../../../vectors/tensor/tiny-random.gguf')
const untied = join(import.meta.dirname, '../../../vectors/tensor/tiny-untied.gguf')
const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-devnet-'))
let devnet: Devnet
let env: NodeEnv
let client: Client

describe('the devnet', () => {
  before(async () => {
    devnet = await startTestDevnet({ dataFolder, modelPath: tiny })
    env = createNodeEnv({ dataFolder: join(dataFolder, 'client'), log: 'silent', workersMax: 1 })
    client = connect(devnet)
  })
  after(async () => {
    await env.close()
    await devnet.close()
    rmSync(dataFolder, { recursive: true, force: true })
  })

  function connect({ file }: Devnet): Client {
    const verdict = readNetworkConfig(structuredClone(file))
    assert.ok(verdict.ok)
    return createClient({ config: verdict.value, env, account: devnetKey(0).account })
  }

  test('store, ask, pay and verify', async () => {
    const bytes = new Uint8Array(300_000).map((_, i) => (i * 31) % 251)
    const { root } = await client.files.upload(bytes)
    assert.deepEqual(await client.files.download(root), bytes)
    const answer = await client.chat.complete({
      model: 'tiny-random',
      messages: [{ role: 'user', content: 'hello' }],
      maxTokens: 8,
    })
    assert.ok(answer.bundle)
    const verified = await client.receipts.verify(answer.bundle)
    assert.equal(verified.accepted, true)
    const forged = structuredClone(answer.bundle)
    assert.ok('outputText' in forged.opening)
    forged.opening.outputText = `${forged.opening.outputText}!`
    assert.equal((await client.receipts.verify(forged)).accepted, false)
  })

  test('a model added while the devnet runs is served under its name', async () => {
    await addModel({ file: untied, dataFolder, name: 'Second Model' })
    const served = async () => (await client.chat.models()).map(({ id }) => id)
    for (let attempt = 0; attempt < 300 && !(await served()).includes('second-model'); attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const answer = await client.chat.complete({
      model: 'second-model',
      messages: [{ role: 'user', content: 'hello' }],
      maxTokens: 4,
    })
    assert.ok(answer.bundle && (await client.receipts.verify(answer.bundle)).accepted)
  })

  test('each storage node is given a stake once, under the key by which the indexer knows it', async () => {
    const { nodeUrls, indexerUrl } = devnet.file.storage
    const nodes = await askNodes({ network: env.network, timeoutMs: 5_000 }, indexerUrl)
    for (let start = 0; start < 2; start++) await stakeHolders(client.ledger, dataFolder, nodeUrls.length)
    assert.equal(nodes.length, nodeUrls.length)
    for (const { nodeId } of nodes) {
      const stake = await readHolderStake(client.ledger, addresses.holderStake, nodeId)
      assert.equal(stake.stakedWei, 10n ** 18n)
    }
  })

  test('an auditor that has a wrong fragment under a node’s signature takes half of that stake', async () => {
    const { root } = await client.files.upload(new Uint8Array(300_000).fill(5))
    const file = await client.files.download(root, { isRaw: true })
    const right = codeFile(file, fileTree(file), { dataRows: 1, parityRows: 0 }).fragment(1, 0)!
    const frame = encodeFragmentFrame(right)
    frame[frame.length - 1]! ^= 1
    const secretKey = readNodeKey(holderKeyFile(dataFolder, 0))
    const name = { chainId: genesis.chainId, root, sizeBytes: file.length, dataRows: 1, row: 0, stripe: 1 }
    const proof = { nodeId: nodeIdOf(secretKey), name, frame, signature: signShown(name, frame, secretKey) }
    const closers = createClosers()
    const { ledger, config } = client
    takeProofs({ env, config, ledger, client }, closers).onWrongFragment!(proof)
    const left = async () => (await readHolderStake(ledger, addresses.holderStake, proof.nodeId)).stakedWei
    for (let attempt = 0; attempt < 300 && (await left()) === 10n ** 18n; attempt++) await env.clock.sleep(100)
    assert.equal(await left(), 5n * 10n ** 17n)
    await closers.close()
  })

  test('a second start on the same directory is refused, on the same ports it moves', async () => {
    await assert.rejects(startDevnet({ dataFolder }), DataFolderBusyError)
    const port = Number(new URL(devnet.file.chain.rpcUrl).port)
    const moved = await startTestDevnet({ portBase: port - 8545, weights: 'none' })
    assert.notEqual(moved.file.chain.rpcUrl, devnet.file.chain.rpcUrl)
    await moved.close()
  })

  test('well-known keys are refused off loopback', async () => {
    await assert.rejects(startDevnet({ host: '0.0.0.0' }), WellKnownKeysError)
  })

  test('state survives a restart', async () => {
    const bytes = new Uint8Array(1000).fill(7)
    const { root } = await client.files.upload(bytes)
    const balance = (await client.account.balance()).chainWei
    await devnet.close()
    devnet = await startTestDevnet({ dataFolder, modelPath: tiny })
    client = connect(devnet)
    assert.deepEqual(await client.files.download(root), bytes)
    assert.equal((await client.account.balance()).chainWei, balance)
    assert.deepEqual(readDevnetFile(dataFolder), devnet.file)
    assert.equal(devnet.file.compute.providers.length, 2)
  })
})
