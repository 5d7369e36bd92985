/** A gateway with its indexer, and holders beside it, in one process over real HTTP and real disks, under a scripted flow. */
import type { Env } from '@weightless/env'
import { type HolderService, startHolder } from '../holder/startHolder.ts'
import type { PruneOptions } from '../node/pruneExpired.ts'
import { type StorageOptions, type StorageService, startStorage } from '../startStorage.ts'
import { defaultRedundancy } from '../wire/index.ts'
import { createScriptedFlow, type ScriptedFlow } from './scriptedFlow.ts'
import { chainId, flowAddress, until, type World } from './storageClient.ts'

export type CodedNetwork = {
  source: ScriptedFlow
  gateway: StorageService
  holders: HolderService[]
  /** Starts the holder of this place again, under its old key and folder. */
  startHolder(index: number): Promise<HolderService>
}

export async function startCodedNetwork(
  { env, keep }: Pick<World, 'env' | 'keep'>,
  count = 6,
  coded: StorageOptions['coded'] = {},
  prune: PruneOptions = {},
): Promise<CodedNetwork> {
  const source = createScriptedFlow()
  const shared = { env, source, flowAddress, chainId, port: 0, prune }
  const gateway = await keep(
    startStorage({ ...shared, disk: env.disk.folder('gateway'), coded: { nodesExpected: count, ...coded } }),
  )
  const start = (index: number) =>
    keep(startHolder({ ...shared, ...placeOf(env, index, count), indexerUrls: [gateway.url], announceMs: 250 }))
  const holders = await Promise.all(Array.from({ length: count }, (_, index) => start(index)))
  await until('all announced', async () => {
    const nodes = (await (await fetch(`${gateway.url}/nodes`)).json()) as unknown[]
    return nodes.length === count
  })
  return { source, gateway, holders, startHolder: start }
}

function placeOf(env: Env, index: number, count: number) {
  const { dataRows } = defaultRedundancy(count)
  return {
    disk: env.disk.folder(`holder-${index}`),
    secretKey: new Uint8Array(32).fill(index + 1),
    shard: index < dataRows ? { numShard: dataRows, shardId: index } : null,
  }
}
