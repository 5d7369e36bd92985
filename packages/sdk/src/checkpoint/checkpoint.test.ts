/** Checkpoints through a real chain, storage and key-value node: the second costs what changed, a restore needs the name alone. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { toBlobSource } from '@weightless/blobs'
import { type Chain, openChain } from '@weightless/chain'
import type { Hex } from '@weightless/codec'
import { addresses, genesis } from '@weightless/contracts'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { type KeyValueNode, startKeyValueNode } from '@weightless/kv'
import { type StorageService, startStorage } from '@weightless/storage'
import { mnemonicToAccount } from 'viem/accounts'
import { createClient } from '../client.ts'
import { type CheckpointsApi, openCheckpoints } from './openCheckpoints.ts'
import type { RestoreTarget } from './restoreCheckpoint.ts'

let folder: string
let env: NodeEnv
let chain: Chain
let storage: StorageService
let kv: KeyValueNode
let rpcUrl = ''
const account = mnemonicToAccount(genesis.mnemonic, { addressIndex: 6 })
const owner = account.address.toLowerCase() as Hex

function open(withAccount: boolean): CheckpointsApi {
  const client = createClient({
    env,
    config: {
      chain: { rpcUrl, chainId: 31337 },
      contracts: { ...addresses },
      storage: { indexerUrl: storage.url },
      compute: { gatewayUrl: '', providers: [] },
    } as never,
    ...(withAccount && { account }),
  })
  return openCheckpoints({ env, kvUrl: kv.url, indexerUrl: storage.url, ledger: client.ledger })
}

describe('checkpoints', () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weightless-checkpoint-'))
    env = createNodeEnv({ dataFolder: folder, log: 'silent' })
    chain = await openChain({ env, folder: 'chain', chainId: 31337, genesis })
    rpcUrl = (await chain.serve({ port: 0 })).url
    const shared = { env, rpcUrl, flowAddress: addresses.flow, chainId: 31337, port: 0 }
    storage = await startStorage({ ...shared, disk: env.disk.folder('node') })
    kv = await startKeyValueNode({ ...shared, indexerUrl: storage.url })
  })

  after(async () => {
    await kv.close()
    await storage.close()
    await chain.close()
    await env.close()
    await rm(folder, { recursive: true, force: true })
  })

  test('two checkpoints that share most bytes: the second uploads what changed, both are restored by name', async () => {
    const weights = noise(6_000_000, 1)
    const optimizer = noise(3_000_000, 2)
    const first = await open(true).save({
      name: 'run',
      files: filesOf({ 'a/weights.bin': weights, 'optimizer.bin': optimizer }),
    })
    assert.equal(first.sizeBytes, 9_000_000)
    assert.equal(first.newBytes, 9_000_000)
    assert.ok(first.feeWei > 0n)

    // A training step that touches two places and makes one file longer.
    const later = new Uint8Array(weights.length + 4)
    later.set(weights.subarray(0, 1_000_000))
    later.set([1, 2, 3, 4], 1_000_000)
    later.set(weights.subarray(1_000_000), 1_000_004)
    later[5_000_000]! ^= 255
    const second = await open(true).save({
      name: 'run',
      files: filesOf({ 'a/weights.bin': later, 'optimizer.bin': optimizer }),
    })
    assert.ok(second.newBytes < 2_500_000, `${second.newBytes} new bytes`)
    assert.ok(second.uploadedBytes < 0.3 * first.uploadedBytes)

    const reader = open(false)
    const restored = memory()
    const result = await reader.restore({ name: 'run', owner, target: restored.target })
    assert.deepEqual([...restored.files.keys()], ['a/weights.bin', 'optimizer.bin'])
    assert.ok(Buffer.from(restored.files.get('a/weights.bin')!).equals(later))
    assert.ok(Buffer.from(restored.files.get('optimizer.bin')!).equals(optimizer))
    assert.equal(result.fetchedBytes, result.sizeBytes)

    // Broken off and begun again: what is there already is not fetched.
    restored.files.get('a/weights.bin')!.fill(0, 0, 10)
    const again = await reader.restore({ name: 'run', owner, target: restored.target })
    assert.ok(again.fetchedBytes < 4_500_000, `${again.fetchedBytes} bytes`)
    assert.ok(Buffer.from(restored.files.get('a/weights.bin')!).equals(later))

    const older = memory()
    await reader.restore({ name: 'run', owner, version: first.version, target: older.target })
    assert.ok(Buffer.from(older.files.get('a/weights.bin')!).equals(weights))
    const names: string[] = []
    for await (const { name, sizeBytes } of reader.list(owner)) names.push(`${name} ${sizeBytes}`)
    assert.deepEqual(names, ['run 9000004'])
  })

  test('names that are not there, of others, or absurd are told by name', async () => {
    const reader = open(false)
    const { target } = memory()
    await assert.rejects(reader.restore({ name: 'none', owner, target }), { code: 'sdk/checkpoint-missing' })
    await assert.rejects(reader.restore({ name: 'run', owner: `0x${'12'.repeat(20)}`, target }), {
      code: 'sdk/checkpoint-missing',
    })
    await assert.rejects(reader.save({ name: 'run', files: [] }), { code: 'sdk/checkpoint-owner' })
    await assert.rejects(open(true).save({ name: '', files: [] }), { code: 'sdk/checkpoint-name' })
    await assert.rejects(open(true).save({ name: 'x', files: filesOf({ '../x': new Uint8Array(1) }) }), {
      code: 'sdk/checkpoint-path',
    })
  })
})

function filesOf(files: { [path: string]: Uint8Array }) {
  return Object.entries(files).map(([path, bytes]) => ({ path, source: toBlobSource(bytes) }))
}

function memory(): { files: Map<string, Uint8Array>; target: RestoreTarget } {
  const files = new Map<string, Uint8Array>()
  const target: RestoreTarget = {
    open: async (path, sizeBytes) => {
      const bytes = files.get(path) ?? new Uint8Array(sizeBytes)
      const isNew = !files.has(path)
      files.set(path, bytes)
      return {
        read: async (offset, length) => (isNew ? new Uint8Array(0) : bytes.slice(offset, offset + length)),
        write: async (offset, part) => bytes.set(part, offset),
        close: async () => undefined,
      }
    },
  }
  return { files, target }
}

function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed
  for (let at = 0; at < length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[at] = state
  }
  return bytes
}
