/** The devnet's storage network: indexer and first node on one port, further nodes on ports of their own. */
import { join } from 'node:path'
import { addresses, genesis } from '@weightless/contracts'
import type { Env } from '@weightless/env'
import { type StorageService, startStorage, startStorageNode } from '@weightless/storage'
import type { PortPlan } from '../portPlan.ts'
import { nameDamage } from './nameDamage.ts'

export type RunningStorage = { indexerUrl: string; nodeUrls: string[]; close(): Promise<void> }

export async function startStorageNetwork(
  env: Env,
  options: { ports: PortPlan; host: string; rpcUrl: string; dataFolder: string },
): Promise<RunningStorage> {
  const { ports, host, rpcUrl, dataFolder } = options
  const named = <Value>(index: number, start: () => Promise<Value>) =>
    nameDamage(join(dataFolder, `storage-${index}`), start)
  const urlOf = (port: number) => `http://${host}:${port}`
  const urls = [ports.storage, ...ports.storageNodes].map(urlOf)
  const parts = (index: number) => ({
    env,
    disk: env.disk.folder(`storage-${index}`),
    rpcUrl,
    flowAddress: addresses.flow,
    chainId: genesis.chainId,
    peerUrls: urls.filter((_, other) => other !== index),
    host,
  })
  const services: StorageService[] = []
  try {
    for (const [i, port] of ports.storageNodes.entries())
      services.push(await named(i + 1, () => startStorageNode({ ...parts(i + 1), port })))
    const first = { ...parts(0), port: ports.storage, furtherNodeUrls: urls.slice(1) }
    services.push(await named(0, () => startStorage(first)))
  } catch (error) {
    await closeAll(services)
    throw error
  }
  return { indexerUrl: urls[0]!, nodeUrls: urls, close: () => closeAll(services) }
}

async function closeAll(services: readonly StorageService[]): Promise<void> {
  for (const service of services.toReversed()) await service.close()
}
