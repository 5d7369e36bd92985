/**
 * Four holders, a client and a chain that may change its mind, in one simulated world: how they start, what may befall one of
 * them at a time, and how they come back.
 */
import type { TransferParts } from '@weightless/blobs'
import type { Env } from '@weightless/env'
import type { Sim } from '@weightless/env/sim'
import { type HolderService, startHolder } from '@weightless/storage'
import type { NodeRecord } from '@weightless/storage/wire'
import { chainId, flowAddress } from '../../packages/storage/src/testing/storageClient.ts'
import { createMovingFlow, type MovingFlow } from './movingFlow.ts'

export type CodedWorld = {
  sim: Sim
  flow: MovingFlow
  client: Env
  parts: TransferParts
  holders: Map<string, HolderService>
}

export const hosts = ['h0', 'h1', 'h2', 'h3']
export const urlOf = (host: string): string => `http://${host}:5681`

/** What may befall one host, or the chain. */
export const evils = ['crash', 'rot', 'wipe', 'partition', 'chain', 'lie', 'slow'] as const
export type Evil = (typeof evils)[number]

export function createCodedWorld(sim: Sim): CodedWorld {
  const client = sim.boot('w')
  const { network, clock, tasks } = client
  const parts = { network, clock, tasks, timeoutMs: 2_000, stallMs: 4_000 }
  return { sim, flow: createMovingFlow(), client, parts, holders: new Map() }
}

export async function boot({ sim, flow, holders }: CodedWorld, host: string): Promise<void> {
  const env = sim.boot(host)
  const starting = startHolder({
    ...{ env, source: flow.source, flowAddress, chainId, port: 5681, shard: null, indexerUrls: [] },
    ...{ secretKey: new Uint8Array(32).fill(1 + hosts.indexOf(host)), submissionWaitMs: 500, announceMs: 1_000 },
    ...{ peers: hosts.filter((other) => other !== host).map(urlOf), takenMs: 0 },
    repair: { goneMs: 120_000, checkMs: 400, scrubPauseMs: 2_000 },
  })
  const down = sim.whenDown(host).then(() => undefined)
  const service = await Promise.race([starting, down])
  if (service) holders.set(host, service)
}

/** Records of the holders that are alive, as an indexer would tell them. */
export async function recordsOf({ sim, holders }: CodedWorld): Promise<NodeRecord[]> {
  const records = await Promise.all(
    [...holders].map(([host, { holder }]) =>
      sim.isAlive(host) ? Promise.race([holder.record(), sim.whenDown(host).then(() => undefined)]) : undefined,
    ),
  )
  return records.filter((record) => record !== undefined)
}

/** @returns how many hosts are lost by it: those that are rotten, wiped, away or lying; who loses power has it again */
export async function befall(world: CodedWorld, evil: Evil): Promise<0 | 1 | 2> {
  const { sim } = world
  const victim = sim.random.pick(hosts)
  const others = hosts.filter((host) => host !== victim)
  // Power fails beside everything else.
  if (evil === 'crash' || sim.random.chance(0.5)) {
    const host = evil === 'crash' ? victim : sim.random.pick(others)
    sim.disk(host).crashAtChange(1 + sim.random.integer(30))
  }
  if (evil === 'rot') rot(sim, victim)
  if (evil === 'wipe') await wipe(world, victim)
  if (evil === 'partition') sim.partition([victim], others)
  if (evil === 'chain') moveChain(world)
  if (evil === 'lie') sim.hostFaults(victim).lieChance = 0.7
  if (evil === 'slow') sim.hostFaults(victim).extraMs = sim.random.pick([300, 900, 2_500])
  // Repair while one of those that it asks lies: what it makes of that must not be kept.
  const isRepairLiedTo = evil === 'lie' && sim.random.chance(0.5)
  if (isRepairLiedTo) await wipe(world, sim.random.pick(others))
  if (isRepairLiedTo) return 2
  return evil === 'chain' || evil === 'slow' || evil === 'crash' ? 0 : 1
}

/** Everybody is well again; who lost power, has it. Whoever was to lose it and did not, loses it now. */
export async function recover(world: CodedWorld, evil: Evil): Promise<void> {
  const { sim } = world
  sim.heal()
  if (evil === 'crash') sim.random.chance(0.5) ? sim.kill(sim.random.pick(hosts)) : sim.crash(sim.random.pick(hosts))
  for (const host of hosts) {
    Object.assign(sim.hostFaults(host), { extraMs: 0, lieChance: 0 })
    sim.disk(host).crashAtChange(0)
    if (!sim.isAlive(host)) await boot(world, host)
  }
}

/** Flips a bit somewhere in what the host stores. */
function rot(sim: Sim, host: string): void {
  const disk = sim.disk(host)
  const paths = disk.paths().filter((path) => path.startsWith('fragments/log/'))
  const path = paths.length > 0 ? sim.random.pick(paths) : undefined
  const bytes = path === undefined ? undefined : disk.peek(path)
  if (!bytes || bytes.length < 200) return
  const at = 64 + sim.random.integer(bytes.length - 64)
  disk.poke(path!, at, Uint8Array.of(bytes[at]! ^ (1 << sim.random.integer(8))))
  sim.fire('bit rotten')
}

async function wipe(world: CodedWorld, host: string): Promise<void> {
  world.sim.kill(host)
  // Nobody would wait for a removal that a loss of power ends.
  world.sim.disk(host).crashAtChange(0)
  const { disk } = world.sim.boot(host)
  for (const folder of ['fragments', 'flow']) await disk.remove(folder)
  world.sim.fire('disk lost')
  await boot(world, host)
}

/** The last blocks go and come back in another order; or what they say is said again. */
function moveChain({ sim, flow }: CodedWorld): void {
  if (flow.count() < 2) return
  flow.repeat(sim.random.pick(['again', 'twice'] as const))
  sim.fire('event repeated')
  if (sim.random.chance(0.5)) {
    flow.repeat('out of order')
    sim.fire('event out of order')
  }
  flow.reorganise(1 + sim.random.integer(3))
  sim.fire('block taken back')
}
