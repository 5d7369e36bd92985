/** A node that is told to mine waits for its chain and its money, and is open all the while. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openChain } from '@weightless/chain'
import { abis, addresses, genesis } from '@weightless/contracts'
import { createNodeEnv } from '@weightless/env/node'
import { createLedger } from '@weightless/ledger'
import { until } from '@weightless/storage/testing/storageClient'
import { devnetKey } from '../devnet/devnetKeys.ts'
import { forecastMining } from './forecastMining.ts'
import { runStorageNode } from './runStorageNode.ts'

const base = { indexerUrls: [], port: 0, log: 'silent', shard: { numShard: 1, shardId: 0 } } as const

test('a node whose chain is away opens without mining; one whose chain is there registers', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weightless-mine-'))
  const env = createNodeEnv({ dataFolder: join(folder, 'chain'), log: 'silent' })
  const chain = await openChain({ env, folder: 'chain', chainId: genesis.chainId, genesis })
  const served = await chain.serve({ port: 0 })
  const mining = { privateKey: devnetKey(3).privateKey }
  try {
    const lonely = await runStorageNode({
      ...base,
      mining,
      rpcUrl: 'http://127.0.0.1:9',
      dataFolder: join(folder, 'a'),
    })
    assert.equal((await fetch(`${lonely.url}/node/record`)).status, 200)
    await lonely.close()
    const node = await runStorageNode({ ...base, mining, rpcUrl: served.url, dataFolder: join(folder, 'b') })
    const ledger = createLedger({ env, rpcUrl: served.url })
    const events = { address: addresses.mine, abi: abis.poraMine, eventNames: ['NewMinerId'], fromBlock: 0n }
    await until('registered', async () => {
      const found = await ledger.getEvents({ ...events, toBlock: await ledger.blockNumber() })
      return found.some(({ args }) => (args as { beneficiary?: string }).beneficiary === devnetKey(3).address)
    })
    await node.close()
    const plan = { diskBytes: 1e9, readBytesPerSecond: 1e8, hashedRecallsPerSecond: 3_500, costWeiPerDay: 0n }
    const { network, expected } = await forecastMining({ env, rpcUrl: served.url, plan })
    // nothing is stored and nobody mines yet
    assert.deepEqual([network.flowBytes, network.answersPerEpoch, network.otherRecallsPerSecond], [256, 4, 0])
    assert.equal(network.releaseSeconds, 3_600)
    assert.equal(expected.share, 1)
    assert.ok(expected.netWeiPerDay < 0n && expected.breakEvenPricePerSectorWei! > network.pricePerSectorWei)
  } finally {
    await served.close()
    await chain.close()
    await env.close()
    await rm(folder, { recursive: true, force: true })
  }
})
