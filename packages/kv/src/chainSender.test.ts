/** On a real chain: who signed the transaction is the sender, whatever the submission says of itself; and old and new forms count alike. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createBlobs } from '@weightless/blobs'
import { type Chain, openChain } from '@weightless/chain'
import { bytesToHex, type Hex, hexToBytes, textToBytes } from '@weightless/codec'
import { abis, addresses, genesis } from '@weightless/contracts'
import { fileTree } from '@weightless/crypto'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { createLedger, type Ledger } from '@weightless/ledger'
import { type StorageService, startStorage } from '@weightless/storage'
import { mnemonicToAccount } from 'viem/accounts'
import { createKeyValueClient } from './client/index.ts'
import { type KeyValueNode, startKeyValueNode } from './startKeyValueNode.ts'
import { encodeStreamTags, encodeTransaction } from './wire/index.ts'

let folder: string
let env: NodeEnv
let chain: Chain
let storage: StorageService
let node: KeyValueNode
let rpcUrl: string
const streamId: Hex = `0x${'5'.repeat(64)}`

const ledgerOf = (addressIndex: number): Ledger =>
  createLedger({ env, rpcUrl, account: mnemonicToAccount(genesis.mnemonic, { addressIndex }), pollMs: 20 })

describe('senders on a real chain', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weightless-kv-chain-'))
    env = createNodeEnv({ dataFolder: folder, log: 'silent' })
    chain = await openChain({ env, folder: 'chain', chainId: 31337, genesis })
    rpcUrl = (await chain.serve({ port: 0 })).url
    const shared = { env, rpcUrl, flowAddress: addresses.flow, chainId: 31337, port: 0 }
    storage = await startStorage({ ...shared, disk: env.disk.folder('node') })
    node = await startKeyValueNode({ ...shared, indexerUrl: storage.url })
  })

  after(async () => {
    await node.close()
    await storage.close()
    await chain.close()
    await env.close()
    await rm(folder, { recursive: true, force: true })
  })

  test('a submission in the name of another has no rights of that other', async () => {
    const [alice, mallory] = [ledgerOf(3), ledgerOf(4)]
    const blobs = createBlobs({ env, indexerUrl: storage.url, ledger: alice })
    const kv = createKeyValueClient({ kvUrl: node.url, env, blobs })
    const put = await kv.put(streamId, 'k', 'by alice')
    assert.ok(put.ok)

    const write = { streamId: hexToBytes(streamId), key: textToBytes('k'), value: textToBytes('forged') }
    const content = encodeTransaction({ version: 2n ** 64n - 1n, reads: [], writes: [write], controls: [] })
    const { nodes } = fileTree(content)
    const data = {
      length: BigInt(content.length),
      tags: encodeStreamTags([streamId]),
      nodes: nodes.map(({ root, height }) => ({ root: bytesToHex(root), height: BigInt(height) })),
    }
    const flow = { address: addresses.flow, abi: abis.flow, functionName: 'submit', value: 10n ** 15n } as const
    await mallory.submit({ ...flow, args: [{ data, submitter: alice.address! }] })
    const seq = put.value.version + 1
    for (let i = 0; node.replica().result(seq) === undefined; i++) {
      assert.ok(i < 500)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    assert.equal(node.replica().result(seq), 'SenderNoWritePermission')
    assert.equal(Buffer.from((await kv.get(streamId, 'k'))!.value).toString(), 'by alice')
  })

  test('a node that starts again goes on where it was, and another one comes to the same', async () => {
    const shared = { env, rpcUrl, flowAddress: addresses.flow, chainId: 31337, port: 0, indexerUrl: storage.url }
    const second = await startKeyValueNode({ ...shared, disk: env.disk.folder('second') })
    // Both still take blocks: what they come to is compared, not what one had at some moment.
    const digests = () => [node, second].map((each) => each.replica().head().digest)
    for (let i = 0; digests()[0] !== digests()[1] || second.replica().head().nextSeq < 2; i++) {
      assert.ok(i < 500)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await node.close()
    node = await startKeyValueNode(shared)
    for (let i = 0; digests()[0] !== digests()[1]; i++) {
      assert.ok(i < 500)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await second.close()
    assert.equal(node.replica().result(0), 'Commit')
  })
})
