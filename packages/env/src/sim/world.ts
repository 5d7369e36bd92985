/** What the parts of one simulation share: time, chance, the faults to inject and how many were, and who is alive. */
import type { EventLoop } from './eventLoop.ts'
import type { SimRandom } from './simRandom.ts'

/** Chances are per operation; all are 0 unless given, latencies excepted. May be changed while the simulation runs. */
export type SimFaults = {
  /** One way, milliseconds, lowest and highest. */
  latencyMs: readonly [number, number]
  /** A lost packet is sent again: the message comes 200 ms later or more. */
  lossChance: number
  /** A connection is reset by a message. */
  resetChance: number
  diskLatencyMs: readonly [number, number]
  /** A read, write or sync fails with EIO; a failed sync loses what it was to make durable, as Linux does. */
  diskErrorChance: number
  /** A write fails with ENOSPC. */
  diskFullChance: number
  /** After a crash, the last unsynced write misses whole sectors instead of its end. */
  sectorLossChance: number
}

/** What is wrong with one host; may be changed while the simulation runs. */
export type HostFaults = {
  /** Every message to it and from it takes so much longer. */
  extraMs: number
  /** Per piece of an answer's body that it serves: a bit of it is another one. */
  lieChance: number
}

export type FaultName =
  | 'crash'
  | 'kill'
  | 'restart'
  | 'write forgotten'
  | 'write torn'
  | 'sectors lost'
  | 'folder change forgotten'
  | 'disk error'
  | 'disk full'
  | 'message lost'
  | 'message held by partition'
  | 'connection reset'
  | 'connection broken by crash'
  | 'connection refused'
  | 'message slow'
  | 'answer changed'
  // Made by scenarios, and counted with `Sim.fire`.
  | 'bit rotten'
  | 'disk lost'
  | 'block taken back'
  | 'event repeated'
  | 'event out of order'
  | 'upload lost'
  | 'upload late'

/** From one start of a host to its crash. What a dead life waits for never comes; what it calls does nothing. */
export type Life = { host: string; alive: boolean; onDeath: Set<() => void> }

export type World = {
  loop: EventLoop
  random: SimRandom
  faults: SimFaults
  hostFaults(host: string): HostFaults
  /** Counts a fault as fired. */
  fire(fault: FaultName): void
  /** Whether messages pass between two hosts now. */
  isConnected(a: string, b: string): boolean
  /** Calls back when the partitions are healed. */
  whenHealed(run: () => void): void
}

/** Runs `run` after a while of virtual time, unless that life has ended by then. */
export function later(world: World, life: Life, delayMs: number, label: string, run: () => void): void {
  world.loop.after(delayMs, `${life.host} ${label}`, () => {
    if (life.alive) run()
  })
}

/** A promise settled by an event of that life: it stays open for ever once the life has ended. */
export function settleLater<Value>(
  world: World,
  life: Life,
  delayMs: number,
  label: string,
  produce: () => Value,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    if (!life.alive) return
    later(world, life, delayMs, label, () => {
      try {
        resolve(produce())
      } catch (error) {
        reject(error)
      }
    })
  })
}
