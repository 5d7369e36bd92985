/**
 * The devnet's storage nodes: each a process of its own, started again after a crash, or all in this process for tests.
 * Either way each has a folder, a key beside it (so that a node whose folder is lost keeps its name) and a shard.
 */
import { join } from 'node:path'
import { addresses, genesis } from '@weightless/contracts'
import type { Env } from '@weightless/env'
import { startHolder } from '@weightless/storage'
import { defaultRedundancy } from '@weightless/storage/wire'
import { formatEther } from 'viem'
import type { DevnetEvent } from '../devnetOptions.ts'
import { type MinerBeside, mineBeside } from '../storageNode/mineBeside.ts'
import { loadNodeKey } from '../storageNode/nodeKey.ts'
import { weightsCacheFolder } from '../weights/resolveWeights.ts'
import { nameDamage } from './nameDamage.ts'
import { type MiningPlan, writeMinerKey } from './planMining.ts'
import type { PeerPlan } from './planPeers.ts'
import type { SwitchableNode } from './storageControl.ts'
import { superviseProcess } from './superviseProcess.ts'

export type HolderPlan = {
  ports: readonly number[]
  host: string
  rpcUrl: string
  indexerUrl: string
  dataFolder: string
  processes: boolean
  /** Absent: the nodes are known to the indexer alone. */
  peers: PeerPlan | undefined
  /** Absent: nobody mines. */
  mining: MiningPlan | undefined
  /** What the processes remark; they are silent in this one's log otherwise. */
  emit(event: DevnetEvent): void
}

export type RunningHolders = {
  nodes: SwitchableNode[]
  /** Resolves when all are open. @throws {ProcessFailedError} {DataDamagedError} {PortInUseError} */
  opened: Promise<void>
  close(): Promise<void>
}

type Shard = { numShard: number; shardId: number } | null

/** Data rows first, then parity; more than six nodes repeat the pattern of 4 + 2. */
export function shardOf(index: number, nodeCount: number): Shard {
  const { dataRows, parityRows } = defaultRedundancy(nodeCount)
  const row = index % (dataRows + parityRows)
  return row < dataRows ? { numShard: dataRows, shardId: row } : null
}

export function startHolders(env: Env, plan: HolderPlan): RunningHolders {
  const nodes = plan.ports.map((port, index) =>
    plan.processes ? createProcessNode(plan, port, index) : createInlineNode(env, plan, port, index),
  )
  const opened = Promise.all(nodes.map((node) => node.start())).then(() => undefined)
  opened.catch(() => undefined)
  return { nodes, opened, close: () => stopAll(nodes) }
}

async function stopAll(nodes: readonly SwitchableNode[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.stop()))
}

const folderOf = ({ dataFolder }: HolderPlan, index: number) => join(dataFolder, `storage-${index + 1}`)

export function holderKeyFile(dataFolder: string, index: number): string {
  return join(dataFolder, 'keys', `storage-${index + 1}.key`)
}

function createProcessNode(plan: HolderPlan, port: number, index: number): SwitchableNode {
  const { host, rpcUrl, indexerUrl, ports, peers, emit } = plan
  const p2p = peers?.joinOf(index + 1)
  const shard = shardOf(index, ports.length)
  const name = `storage node ${index + 1}`
  const process = superviseProcess({
    name,
    words: [
      ...[commandLine, '--json', '--data-dir', folderOf(plan, index)],
      ...['storage', 'start', '--rpc', rpcUrl, '--indexer', indexerUrl],
      ...['--shard', shard ? `${shard.shardId}/${shard.numShard}` : 'none'],
      ...['--port', String(port), '--host', host, '--key', holderKeyFile(plan.dataFolder, index), '--until-input-ends'],
      ...(p2p ? ['--peer-port', String(p2p.listen), '--peer', ...p2p.bootstrap] : []),
      ...miningWords(plan, index),
    ],
    // Compiled modules are kept for all processes and all devnets: writing them takes longer than compiling once.
    environment: { NODE_COMPILE_CACHE: join(weightsCacheFolder(), 'compiled') },
    onCrash: (reason) => emit({ type: 'warning', message: `${name} ended and is started again: ${lastLine(reason)}` }),
  })
  return { url: `http://${host}:${port}`, ...process }
}

function miningWords({ mining, dataFolder }: HolderPlan, index: number): string[] {
  if (mining?.node !== index + 1) return []
  const share = ['--mine-share', String(Math.round(100 * mining.share))]
  return ['--mine', writeMinerKey(dataFolder, mining), ...share, '--mine-least', formatEther(mining.leastPayWei)]
}

function createInlineNode(env: Env, plan: HolderPlan, port: number, index: number): SwitchableNode {
  const { host } = plan
  let running: Promise<{ close(): Promise<void> }> | undefined
  return {
    url: `http://${host}:${port}`,
    isRunning: () => running !== undefined,
    async start() {
      running ??= nameDamage(folderOf(plan, index), () => openInline(env, plan, port, index))
      await running.catch((error: unknown) => {
        running = undefined
        throw error
      })
    },
    async stop() {
      const current = running
      running = undefined
      await (await current?.catch(() => undefined))?.close()
    },
  }
}

async function openInline(
  env: Env,
  plan: HolderPlan,
  port: number,
  index: number,
): Promise<{ close(): Promise<void> }> {
  const { host, rpcUrl, indexerUrl, ports, peers, mining } = plan
  const disk = env.disk.folder(`storage-${index + 1}`)
  const shard = shardOf(index, ports.length)
  const network = { chainId: genesis.chainId, flowAddress: addresses.flow }
  let miner: MinerBeside | undefined
  const node = await startHolder({
    ...{ env, disk, rpcUrl, host, port, shard, ...network },
    secretKey: loadNodeKey(holderKeyFile(plan.dataFolder, index)),
    indexerUrls: [indexerUrl],
    mining: () => miner?.status(),
    ...(peers && { p2p: peers.joinOf(index + 1) }),
  })
  if (shard && mining?.node === index + 1)
    miner = mineBeside(
      { ...env, disk },
      { holder: node.holder, shard, rpcUrl, flowAddress: network.flowAddress },
      mining,
    )
  return {
    async close() {
      await miner?.close()
      await node.close()
    },
  }
}

const lastLine = (text: string): string => text.split('\n').findLast((line) => line.trim() !== '') ?? text

const commandLine = join(import.meta.dirname, '../../../cli/src/main.ts')
