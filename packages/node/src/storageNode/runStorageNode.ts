/** A storage node as a process of its own: takes its folder, loads its key, opens, and closes in order. */
import { join } from 'node:path'
import type { Hex } from '@weightless/codec'
import { addresses } from '@weightless/contracts/addresses.generated'
import { createNodeEnv } from '@weightless/env/node'
import { type HolderListenOptions, type HolderOptions, startHolder } from '@weightless/storage'
import { takeDataFolder } from '../dataFolder.ts'
import { createClosers } from '../devnet/closeInOrder.ts'
import { nameDamage } from '../devnet/nameDamage.ts'
import { type MineOptions, type MinerBeside, mineBeside } from './mineBeside.ts'
import { loadNodeKey } from './nodeKey.ts'

export type StorageNodeProcessOptions = Pick<HolderOptions, 'indexerUrls' | 'shard'> &
  HolderListenOptions & {
    rpcUrl: string
    dataFolder: string
    /** Default: `node.key` in the data folder. */
    keyFile?: string
    /** Default: the devnet's. */
    flowAddress?: Hex
    chainId?: number
    log: 'text' | 'json' | 'silent'
    /** Absent: it does not mine. A node of parity rows alone has nothing to mine. */
    mining?: MineOptions
  }

export type RunningStorageNode = { url: string; nodeId: Hex; close(): Promise<void> }

/** @throws {DataFolderBusyError} {NodeKeyDamagedError} {DataDamagedError} {PortInUseError} after closing what was opened */
export async function runStorageNode(options: StorageNodeProcessOptions): Promise<RunningStorageNode> {
  const { dataFolder, keyFile, flowAddress = addresses.flow, chainId = devnetChainId, log, mining, ...rest } = options
  const closers = createClosers()
  try {
    const folder = takeDataFolder(dataFolder)
    closers.add(folder.release)
    const env = createNodeEnv({ dataFolder: folder.path, log })
    closers.add(() => env.close())
    const secretKey = loadNodeKey(keyFile ?? join(folder.path, 'node.key'))
    let miner: MinerBeside | undefined
    const parts = { ...rest, mining: () => miner?.status(), env, disk: env.disk, secretKey, flowAddress, chainId }
    const node = await nameDamage(folder.path, () => startHolder(parts))
    closers.add(() => node.close())
    const { shard, rpcUrl } = rest
    if (mining && shard) {
      miner = mineBeside(env, { holder: node.holder, shard, rpcUrl, flowAddress }, mining)
      closers.add(miner.close)
    }
    return { url: node.url, nodeId: node.nodeId, close: () => closers.close() }
  } catch (error) {
    await closers.close()
    throw error
  }
}

const devnetChainId = 31_337
