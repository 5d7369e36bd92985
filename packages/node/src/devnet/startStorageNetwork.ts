/** The devnet's storage network: indexer and gateway on one port of this process, the storage nodes beside it. */
import { join } from 'node:path'
import { addresses, genesis } from '@weightless/contracts'
import type { Env } from '@weightless/env'
import { startStorage } from '@weightless/storage'
import { defaultRedundancy } from '@weightless/storage/wire'
import type { DevnetFile } from '../devnetFile.ts'
import type { DevnetEvent } from '../devnetOptions.ts'
import type { PortPlan } from '../portPlan.ts'
import { loadNodeKey } from '../storageNode/nodeKey.ts'
import { nameDamage } from './nameDamage.ts'
import type { PeerPlan } from './planPeers.ts'
import type { RunningHolders } from './startHolders.ts'

export type RunningStorage = DevnetFile['storage'] & { note: string; close(): Promise<void> }

const announceMsMax = 15_000

/** Resolves when the indexer knows all nodes, or has waited long enough for the last. @throws what a node could not open by */
export async function startStorageNetwork(
  env: Env,
  options: {
    ports: PortPlan
    host: string
    rpcUrl: string
    dataFolder: string
    holders: RunningHolders
    peers: PeerPlan | undefined
    emit(event: DevnetEvent): void
  },
): Promise<RunningStorage> {
  const { ports, host, rpcUrl, dataFolder, holders, peers, emit } = options
  const nodeCount = holders.nodes.length
  const gateway = await nameDamage(join(dataFolder, 'storage-0'), () =>
    startStorage({
      ...{ env, rpcUrl, host, port: ports.storage, flowAddress: addresses.flow, chainId: genesis.chainId },
      disk: env.disk.folder('storage-0'),
      coded: { nodesExpected: nodeCount },
      ...(peers && { p2p: { ...peers.joinOf(0), secretKey32: loadNodeKey(join(dataFolder, 'keys', 'gateway.key')) } }),
    }),
  )
  try {
    await holders.opened
    const known = await awaitNodes(env, gateway.url, nodeCount)
    if (known < nodeCount)
      emit({ type: 'warning', message: `only ${known} of ${nodeCount} storage nodes have come up` })
  } catch (error) {
    await gateway.close()
    throw error
  }
  const nodeUrls = holders.nodes.map(({ url }) => url)
  const { url: indexerUrl, network } = gateway
  const note = `${describe(nodeCount)}${network ? ', joined by libp2p' : ''}`
  const joined = network && { peers: network.addresses() }
  return { indexerUrl, nodeUrls, ...joined, note, close: () => gateway.close() }
}

async function awaitNodes({ clock, network }: Env, indexerUrl: string, wanted: number): Promise<number> {
  const endMs = clock.monotonicMs() + announceMsMax
  for (;;) {
    const nodes = (await (await network.fetch(`${indexerUrl}/nodes`)).json()) as unknown[]
    if (nodes.length >= wanted || clock.monotonicMs() > endMs) return nodes.length
    await clock.sleep(20)
  }
}

function describe(nodeCount: number): string {
  const { dataRows, parityRows } = defaultRedundancy(nodeCount)
  const nodes = nodeCount === 1 ? '1 node' : `${nodeCount} nodes`
  return parityRows > 0 ? `${nodes}, files coded ${dataRows} + ${parityRows}` : nodes
}
