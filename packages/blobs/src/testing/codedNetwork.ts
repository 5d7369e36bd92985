/** Six real holders over real HTTP, under a chain that is only its flow, for tests: each can be stopped, wiped or made to lie. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FileTree, fileTree, sha256 } from '@weightless/crypto'
import type { Network } from '@weightless/env'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { type HolderService, startHolder } from '@weightless/storage/holder/startHolder'
import { createScriptedFlow, type ScriptedFlow } from '@weightless/storage/testing/scriptedFlow'
import { chainId, flowAddress } from '@weightless/storage/testing/storageClient'
import type { NodeRecord } from '@weightless/storage/wire'
import type { HolderReport, TransferParts } from '../network/transferParts.ts'

export type CodedNetwork = {
  env: NodeEnv
  flow: ScriptedFlow
  holders: HolderService[]
  parts: TransferParts
  reports: HolderReport[]
  records(): Promise<NodeRecord[]>
  submit(bytes: Uint8Array): { file: FileTree; startSegment: number }
  /** Stops a holder; its folder stays. */
  stop(index: number): Promise<void>
  start(index: number): Promise<void>
  close(): Promise<void>
}

export async function openCodedNetwork(count: number): Promise<CodedNetwork> {
  const folder = await mkdtemp(join(tmpdir(), 'weightless-coded-'))
  const env = createNodeEnv({ dataFolder: folder, log: 'silent' })
  const flow = createScriptedFlow()
  const reports: HolderReport[] = []
  const start = (index: number, port = 0): Promise<HolderService> =>
    startHolder({
      ...{ env, disk: env.disk.folder(`holder${index}`), port, chainId, flowAddress, source: flow, indexerUrls: [] },
      secretKey: keyOf(index),
      shard: index < 4 ? { numShard: 4, shardId: index } : null,
      submissionWaitMs: 2_000,
    })
  const holders = await Promise.all(Array.from({ length: count }, (_, index) => start(index)))
  const stopped = new Set<number>()
  return {
    env,
    flow,
    holders,
    reports,
    parts: {
      ...{ network: env.network, clock: env.clock, timeoutMs: 5_000, stallMs: 5_000 },
      onBadHolder: (report) => reports.push(report),
    },
    records: () => Promise.all(holders.map(({ holder }) => holder.record())),
    submit(bytes) {
      const file = fileTree(bytes)
      flow.submit(file)
      return { file, startSegment: flow.events().at(-1)!.startSector / 1024 }
    },
    async stop(index) {
      stopped.add(index)
      await holders[index]!.close()
    },
    async start(index) {
      stopped.delete(index)
      holders[index] = await start(index, holders[index]!.port)
    },
    async close() {
      for (const [index, holder] of holders.entries()) if (!stopped.has(index)) await holder.close()
      await env.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** That of a holder, by its place. */
export const keyOf = (index: number): Uint8Array => sha256(new Uint8Array([index, 7]))

/** The same network with answers that pass through `intercept`. */
export function withFetch(
  parts: TransferParts,
  intercept: (url: string, go: () => ReturnType<Network['fetch']>) => ReturnType<Network['fetch']>,
): TransferParts {
  const { network } = parts
  const fetch: Network['fetch'] = (url, options) => intercept(url, () => network.fetch(url, options))
  return { ...parts, network: { ...network, fetch } }
}

export function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed * 2_654_435_761 + 1
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    bytes[i] = state >> 16
  }
  return bytes
}
