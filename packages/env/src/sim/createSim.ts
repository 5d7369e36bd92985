/** A world of simulated hosts under one seed: the same seed gives the same events, faults included. */
// The simulator runs in Node, where chains of thousands of signatures would take minutes in JavaScript.
import '../node/installSecp256k1.ts'
import type { Clock, Env, Facts, Log } from '../env.ts'
import { AbortedError } from '../faults.ts'
import { createPlainMetrics } from '../plainMetrics.ts'
import { createEventLoop } from './eventLoop.ts'
import { createSimDisk, type SimDisk } from './simDisk.ts'
import { createSimNetwork, type Listeners } from './simNetwork.ts'
import { createSimRandom, type SimRandom } from './simRandom.ts'
import { createSimTasks } from './simTasks.ts'
import { type FaultName, type HostFaults, type Life, later, type SimFaults, type World } from './world.ts'

export type SimOptions = {
  seed: number
  faults?: Partial<SimFaults>
  /** Size of each host's disk; 1 GiB by default. */
  diskBytesMax?: number
}

export type Sim = {
  /** Starts a host, or starts it again on the disk that its crash has left; gives it its Env. */
  boot(host: string): Env
  /** Ends the host's life at once: what it awaits never comes, unsynced data is forgotten, connections break. */
  crash(host: string): void
  /** Ends the host's process alone, as `kill -9` does: the system still writes what it was given. */
  kill(host: string): void
  isAlive(host: string): boolean
  /** Resolves when the host's present life ends. */
  whenDown(host: string): Promise<void>
  disk(host: string): Pick<SimDisk, 'changeCount' | 'crashAtChange' | 'peek' | 'poke' | 'paths'>
  /** Messages between the two groups wait until `heal`. */
  partition(groupA: readonly string[], groupB: readonly string[]): void
  heal(): void
  /** Runs the world until `goal` settles. @throws {SimStuckError} */
  run<Value>(goal: Promise<Value>, eventsMax?: number): Promise<Value>
  /** Runs what is due within the next `ms`. */
  advance(ms: number): Promise<void>
  /** The scenario's own randomness. */
  random: SimRandom
  /** May be changed while the simulation runs. */
  faults: SimFaults
  /** What is wrong with this host alone; nothing at first. */
  hostFaults(host: string): HostFaults
  /** Counts a fault that the scenario makes by itself. */
  fire(fault: FaultName): void
  /** How many of each fault have fired. */
  faultsFired(): Readonly<Partial<Record<FaultName, number>>>
  /** SHA-256 over every event and log line so far. */
  auditHash(): string
  nowMs(): number
  eventCount(): number
  /** The newest log lines, at most 1,000. */
  logLines(): readonly string[]
}

export function createSim({ seed, faults = {}, diskBytesMax = 2 ** 30 }: SimOptions): Sim {
  const random = createSimRandom(seed)
  const { world, faultsFired, partition, heal } = createWorld(random.fork('world'), { ...calm, ...faults })
  const { loop } = world
  const lines: string[] = []
  const listeners: Listeners = new Map()
  const hosts = new Map<string, { disk: SimDisk; life: Life | undefined; starts: number }>()

  const hostOf = (name: string) => {
    const known = hosts.get(name)
    if (known) return known
    const disk = createSimDisk(world, name, diskBytesMax, () => crash(name))
    const host = { disk, life: undefined as Life | undefined, starts: 0 }
    hosts.set(name, host)
    return host
  }
  const end = (name: string, fault: FaultName): boolean => {
    const { life } = hostOf(name)
    if (!life?.alive) return false
    world.fire(fault)
    life.alive = false
    for (const run of [...life.onDeath]) run()
    return true
  }
  const crash = (name: string): void => {
    if (end(name, 'crash')) hostOf(name).disk.crash()
  }
  const kill = (name: string): void => void end(name, 'kill')
  const boot = (name: string): Env => {
    kill(name)
    const host = hostOf(name)
    if (host.starts++ > 0) world.fire('restart')
    const life: Life = { host: name, alive: true, onDeath: new Set() }
    host.life = life
    return {
      clock: createSimClock(world, life),
      random: random.fork(`${name} ${host.starts}`),
      network: createSimNetwork(world, life, listeners),
      disk: host.disk.mount(life),
      tasks: createSimTasks(world, life),
      log: createSimLog(world, life, lines),
      metrics: createPlainMetrics(),
    }
  }
  const whenDown = (name: string): Promise<void> =>
    new Promise((resolve) => {
      const { life } = hostOf(name)
      if (life?.alive) life.onDeath.add(resolve)
      else resolve()
    })

  return {
    ...{ boot, crash, kill, whenDown, partition, heal, faultsFired },
    ...{ hostFaults: world.hostFaults, fire: world.fire },
    isAlive: (name) => hostOf(name).life?.alive ?? false,
    disk: (name) => hostOf(name).disk,
    run: (goal, eventsMax = 1_000_000) => loop.runUntil(goal, eventsMax),
    advance: loop.advance,
    random: random.fork('scenario'),
    faults: world.faults,
    auditHash: loop.auditHash,
    nowMs: loop.nowMs,
    eventCount: loop.eventCount,
    logLines: () => lines,
  }
}

/** Time, chance and the network's cuts. */
function createWorld(random: SimRandom, faults: SimFaults) {
  const loop = createEventLoop()
  const fired = new Map<FaultName, number>()
  const ofHosts = new Map<string, HostFaults>()
  const cuts: { a: ReadonlySet<string>; b: ReadonlySet<string> }[] = []
  let held: (() => void)[] = []
  const world: World = {
    loop,
    random,
    faults,
    hostFaults(host) {
      const found = ofHosts.get(host) ?? { extraMs: 0, lieChance: 0 }
      ofHosts.set(host, found)
      return found
    },
    isConnected: (a, b) => !cuts.some((cut) => (cut.a.has(a) && cut.b.has(b)) || (cut.a.has(b) && cut.b.has(a))),
    whenHealed: (run) => void held.push(run),
    fire: (fault) => {
      fired.set(fault, (fired.get(fault) ?? 0) + 1)
      loop.audit(`fault ${fault}`)
    },
  }
  const heal = (): void => {
    cuts.length = 0
    const released = held
    held = []
    for (const run of released) run()
  }
  const partition = (groupA: readonly string[], groupB: readonly string[]): void => {
    cuts.push({ a: new Set(groupA), b: new Set(groupB) })
  }
  return { world, partition, heal, faultsFired: () => Object.fromEntries([...fired].sort()) }
}

function createSimClock(world: World, life: Life): Clock {
  return {
    nowMs: () => epochMs + Math.floor(world.loop.nowMs()),
    monotonicMs: () => world.loop.nowMs(),
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(new AbortedError({ cause: signal.reason }))
        const abort = (): void => reject(new AbortedError({ cause: signal?.reason }))
        signal?.addEventListener('abort', abort, { once: true })
        later(world, life, ms, 'woke', () => {
          signal?.removeEventListener('abort', abort)
          resolve()
        })
      }),
  }
}

function createSimLog(world: World, life: Life, lines: string[], scope = ''): Log {
  const write =
    (level: string) =>
    (event: string, facts: Facts = {}) => {
      if (!life.alive) return
      const list = Object.entries(facts).map(([name, value]) => ` ${name}=${String(value)}`)
      const line = `${world.loop.nowMs().toFixed(3)} ${life.host} ${level} ${scope} ${event}${list.join('')}`
      world.loop.audit(line)
      lines.push(line)
      if (lines.length > linesMax) lines.splice(0, lines.length - linesMax)
    }
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (name) => createSimLog(world, life, lines, scope === '' ? name : `${scope}.${name}`),
  }
}

const calm: SimFaults = {
  latencyMs: [0.2, 2],
  lossChance: 0,
  resetChance: 0,
  diskLatencyMs: [0.05, 1],
  diskErrorChance: 0,
  diskFullChance: 0,
  sectorLossChance: 0,
}
const epochMs = 1_750_000_000_000
const linesMax = 1_000
