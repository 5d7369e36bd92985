/** A coded network of processes on this machine, and what a client measures on it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type BlobProgress, createBlobs } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import { genesis } from '@weightless/contracts'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { createLedger } from '@weightless/ledger'
import { openFileSource } from '@weightless/node/openFileSource'
import { mnemonicToAccount } from 'viem/accounts'
import { cpuSecondsOf, kill, peakBytesOf, type Started, startModule } from './processes.ts'

type HolderSaid = { url: string; nodeId: Hex }

export type Network = {
  env: NodeEnv
  indexerUrl: string
  rpcUrl: string
  holders: Started<HolderSaid>[]
  pids(): { holders: number[]; indexer: number }
  close(): Promise<void>
}

/** @param front - what clients meet: an indexer alone, or a gateway that takes whole files too, in a process of its own */
export async function startNetwork(
  folder: string,
  nodeCount: number,
  front: 'indexer' | 'gateway' = 'indexer',
): Promise<Network> {
  const dataFolder = mkdtempSync(join(folder, 'network-'))
  const chain = await startModule<{ rpcUrl: string; indexerUrl: string }>('./startIndexer.ts', [join(dataFolder, 'i')])
  const { rpcUrl } = chain.said
  const indexer =
    front === 'indexer'
      ? chain
      : await startModule<{ indexerUrl: string }>('./startGateway.ts', [join(dataFolder, 'g'), rpcUrl])
  const { indexerUrl } = indexer.said
  const holders: Started<HolderSaid>[] = []
  for (let first = 0; first < nodeCount; first += 6) {
    const group = Array.from({ length: Math.min(6, nodeCount - first) }, (_, i) => first + i)
    const words = (index: number) => [join(dataFolder, `h${index}`), String(index), rpcUrl, indexerUrl]
    holders.push(
      ...(await Promise.all(group.map((index) => startModule<HolderSaid>('./startHolder.ts', words(index))))),
    )
  }
  const env = createNodeEnv({ dataFolder: join(dataFolder, 'c'), log: 'text', logLevel: 'warn' })
  for (let live = 0; live < nodeCount; ) {
    live = ((await (await fetch(`${indexerUrl}/nodes`)).json()) as unknown[]).length
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return {
    ...{ env, indexerUrl, rpcUrl, holders },
    pids: () => ({ holders: holders.map(({ child }) => child.pid!), indexer: indexer.child.pid! }),
    async close() {
      for (const { child } of new Set([...holders, indexer, chain])) await kill(child)
      await env.close()
      rmSync(dataFolder, { recursive: true, force: true })
    },
  }
}

export type Transfer = {
  seconds: number
  bytesPerSecond: number
  /** By stage or process, in seconds of processor. */
  cpu: { [stage: string]: number }
  holderPeakBytes: number
}

export function openClient(network: Network) {
  const { env, rpcUrl, indexerUrl } = network
  const account = mnemonicToAccount(genesis.mnemonic, { addressIndex: 7 })
  const ledger = createLedger({ env, rpcUrl, account, pollMs: 20 })
  return createBlobs({ indexerUrl, env, ledger })
}

/** Processor that this process, the holders and the indexer use while `run` runs. */
export async function measure(network: Network, sizeBytes: number, run: () => Promise<void>): Promise<Transfer> {
  const { holders, indexer } = network.pids()
  const used = () => [
    process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6,
    holders.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
    cpuSecondsOf(indexer),
  ]
  const before = used()
  const startMs = performance.now()
  await run()
  const seconds = (performance.now() - startMs) / 1000
  const [client, holding, indexing] = used().map((value, i) => value - before[i]!)
  const alive = network.holders.filter(({ child }) => child.exitCode === null && child.signalCode === null)
  return {
    seconds,
    bytesPerSecond: sizeBytes / seconds,
    cpu: { client: client!, holders: holding!, indexer: indexing! },
    holderPeakBytes: Math.max(...alive.map(({ child }) => peakBytesOf(child.pid!))),
  }
}

/** Writes a file until it is final; the stage `hashing` is the client's part before anything is sent. */
export async function write(network: Network, path: string): Promise<Transfer & { root: Hex }> {
  const blobs = openClient(network)
  const source = await openFileSource(path)
  let root: Hex = '0x'
  let hashed: NodeJS.CpuUsage | undefined
  const begin = process.cpuUsage()
  const onProgress = ({ phase }: BlobProgress): void => {
    if (phase !== 'hashing') hashed ??= process.cpuUsage(begin)
  }
  const transfer = await measure(network, source.sizeBytes, async () => {
    root = (await blobs.put(source, { onProgress })).root
  })
  await source.close()
  const hashing = hashed ? (hashed.user + hashed.system) / 1e6 : 0
  return { ...transfer, root, cpu: { ...transfer.cpu, client: transfer.cpu.client! - hashing, hashing } }
}

/** Reads all of a file, every segment proved, and drops it. */
export async function read(network: Network, root: Hex): Promise<Transfer> {
  const blobs = openClient(network)
  const blob = await blobs.openBlob(root)
  let seen = 0
  const transfer = await measure(network, blob.sizeBytes, async () => {
    for await (const piece of blob.stream()) seen += piece.length
  })
  if (seen !== blob.sizeBytes) throw new Error(`read ${seen} of ${blob.sizeBytes} bytes`)
  return transfer
}

/** Milliseconds until the first byte of ranges at random places of a file that is open. */
export async function firstBytes(network: Network, root: Hex, count: number): Promise<number[]> {
  const blob = await openClient(network).openBlob(root)
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const offset = Math.floor(Math.random() * (blob.sizeBytes - 1))
    const startMs = performance.now()
    await blob.read(offset, 1)
    times.push(performance.now() - startMs)
  }
  return times.sort((a, b) => a - b)
}
