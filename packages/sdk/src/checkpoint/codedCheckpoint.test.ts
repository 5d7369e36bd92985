/** Checkpoints over six real holders of coded files: read from many of them at once, with two of them gone, and stored once. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { toBlobSource } from '@weightless/blobs'
import { type Chain, openChain } from '@weightless/chain'
import type { Hex } from '@weightless/codec'
import { addresses, genesis } from '@weightless/contracts'
import type { Network } from '@weightless/env'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { type KeyValueNode, startKeyValueNode } from '@weightless/kv'
import { type HolderService, type StorageService, startHolder, startStorage } from '@weightless/storage'
import { mnemonicToAccount } from 'viem/accounts'
import { createClient } from '../client.ts'
import type { RestoreTarget } from './restoreCheckpoint.ts'

const holderCount = 6
const { chainId } = genesis
const account = mnemonicToAccount(genesis.mnemonic, { addressIndex: 7 })
const owner = account.address.toLowerCase() as Hex
let folder: string
let env: NodeEnv
let chain: Chain
let storage: StorageService
let holders: HolderService[]
let kv: KeyValueNode
let rpcUrl = ''

/** A client of its own, as on a new machine, whose traffic is counted. */
function openCounted(withAccount: boolean) {
  const traffic = countTraffic(env.network)
  const client = createClient({
    env: { network: traffic.network, clock: env.clock, log: env.log, random: env.random },
    config: {
      chain: { rpcUrl, wsUrl: rpcUrl, chainId, accounts: [] },
      contracts: { ...addresses },
      storage: { indexerUrl: storage.url, nodeUrls: [], kvUrl: kv.url },
      compute: { gatewayUrl: '', providers: [] },
    },
    ...(withAccount && { account }),
  })
  return { client, checkpoints: client.checkpoints(), traffic }
}

describe('checkpoints over six holders', { timeout: 120_000 }, () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weightless-checkpoint-coded-'))
    env = createNodeEnv({ dataFolder: folder, log: 'silent' })
    chain = await openChain({ env, folder: 'chain', chainId, genesis })
    rpcUrl = (await chain.serve({ port: 0 })).url
    const shared = { env, rpcUrl, flowAddress: addresses.flow, chainId, port: 0 }
    storage = await startStorage({ ...shared, disk: env.disk.folder('gateway'), coded: { nodesExpected: holderCount } })
    const open = (i: number) =>
      startHolder({
        ...shared,
        disk: env.disk.folder(`holder-${i}`),
        secretKey: new Uint8Array(32).fill(i + 1),
        shard: i < 4 ? { numShard: 4, shardId: i } : null,
        indexerUrls: [storage.url],
        announceMs: 250,
      })
    holders = await Promise.all([...Array(holderCount).keys()].map(open))
    kv = await startKeyValueNode({ ...shared, indexerUrl: storage.url })
    while ((await openCounted(false).client.storage.nodes()).length < holderCount) await env.clock.sleep(20)
  })

  after(async () => {
    await kv.close()
    await Promise.all(holders.map((holder) => holder.close()))
    await storage.close()
    await chain.close()
    await env.close()
    await rm(folder, { recursive: true, force: true })
  })

  test('the second is paid and sent by what changed; both are read from many holders at once, and with two of six gone', async () => {
    const weights = Buffer.from(env.random.bytes(24_000_000))
    const first = await save(weights)
    assert.ok(first.sentBytes > 1.4 * weights.length && first.sentBytes < 1.6 * weights.length, 'coded 4 + 2')

    const later = Buffer.concat([weights.subarray(0, 9_000_000), Buffer.from('inserted'), weights.subarray(9_000_000)])
    const second = await save(later)
    assert.ok(second.newBytes > 0 && second.newBytes < 2_000_000, `${second.newBytes} new bytes`)
    assert.ok(second.sentBytes < 0.1 * first.sentBytes, `${second.sentBytes} bytes sent after ${first.sentBytes}`)
    assert.ok(second.feeWei < 0.2 * Number(first.feeWei), `${second.feeWei} wei paid after ${first.feeWei}`)

    const healthy = await restore(later)
    const giving = healthy.receivedBytes.filter((bytes) => bytes > later.length / 10)
    assert.ok(giving.length >= 4, `bytes by holder: ${healthy.receivedBytes}`)
    assert.ok(healthy.holdersAtOnce >= 4, `${healthy.holdersAtOnce} holders at once`)

    await Promise.all(holders.splice(0, 2).map((holder) => holder.close()))
    const wounded = await restore(later)
    assert.equal(wounded.receivedBytes.filter((bytes) => bytes > later.length / 10).length, 4)
    await restore(weights, first.version)
  })
})

async function save(bytes: Uint8Array) {
  const { checkpoints, traffic } = openCounted(true)
  const settled: number[] = []
  const saved = await checkpoints.save({
    name: 'run',
    files: [{ path: 'weights.bin', source: toBlobSource(bytes) }],
    onProgress: ({ doneBytes, newBytes, uploadedBytes }) => settled.push(doneBytes - newBytes + uploadedBytes),
  })
  assert.deepEqual(
    settled,
    settled.toSorted((a, b) => a - b),
    'a bar never goes back',
  )
  assert.equal(settled.at(-1), bytes.length)
  return { ...saved, sentBytes: sum(holders.map(({ url }) => traffic.sentBytes.get(new URL(url).origin) ?? 0)) }
}

/** By the name alone, into memory. */
async function restore(expected: Uint8Array, version?: number) {
  const { checkpoints, traffic } = openCounted(false)
  const bytes = new Uint8Array(expected.length)
  const target: RestoreTarget = {
    open: async () => ({
      read: async () => new Uint8Array(0),
      write: async (offset, part) => bytes.set(part, offset),
      close: async () => undefined,
    }),
  }
  await checkpoints.restore({ name: 'run', owner, target, ...(version !== undefined && { version }) })
  assert.ok(Buffer.from(bytes).equals(expected))
  const origins = holders.map(({ url }) => new URL(url).origin)
  const receivedBytes = origins.map((origin) => traffic.receivedBytes.get(origin) ?? 0)
  return { receivedBytes, holdersAtOnce: traffic.originsAtOnce(origins) }
}

/** Bytes of bodies by origin, and of how many origins bodies were under way at the same time. */
function countTraffic(network: Network) {
  const sentBytes = new Map<string, number>()
  const receivedBytes = new Map<string, number>()
  const open = new Map<string, number>()
  const moments: ReadonlySet<string>[] = []
  const count = (at: Map<string, number>, origin: string, bytes: number) =>
    at.set(origin, (at.get(origin) ?? 0) + bytes)
  const fetch: Network['fetch'] = async (url, options) => {
    const { origin } = new URL(url)
    const { body = '' } = options ?? {}
    count(sentBytes, origin, Array.isArray(body) ? sum(body.map(({ length }) => length)) : body.length)
    const response = await network.fetch(url, options)
    async function* counted(): AsyncGenerator<Uint8Array> {
      count(open, origin, 1)
      moments.push(new Set([...open].flatMap(([each, bodies]) => (bodies > 0 ? [each] : []))))
      try {
        for await (const piece of response.body) {
          count(receivedBytes, origin, piece.length)
          yield piece
        }
      } finally {
        count(open, origin, -1)
      }
    }
    return { ...response, body: counted() }
  }
  const originsAtOnce = (origins: readonly string[]): number =>
    Math.max(0, ...moments.map((moment) => origins.filter((origin) => moment.has(origin)).length))
  return { network: { ...network, fetch }, sentBytes, receivedBytes, originsAtOnce }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
