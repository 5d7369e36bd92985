/** The key-value map under power cuts at every write, with batches in flight together and snapshots all the time. */
import type { Env } from '@weightless/env'
import type { Sim } from '@weightless/env/sim'
import { type Change, type KeyValue, openKeyValue } from '@weightless/store'
import { crashFaults, isInjected, runCrashRounds } from './crashRounds.ts'
import { claim, type Scenario } from './scenario.ts'

export const storeKeyValue: Scenario = {
  name: 'store/keyValue',
  claim: 'A batch whose put resolved is there; any other is there whole or not at all; order is kept.',
  plants: ['skip-fsync', 'swap-write-order', 'ignore-torn-tail', 'swap-snapshot-order', 'skip-folder-sync'],
  fires: crashFaults,
  run: (seed, onSim) => {
    const model: Model = { promised: new Map(), inFlight: [] }
    return runCrashRounds(seed, onSim, { work: (env, sim) => workOnMap(env, sim, model) })
  },
}

/** In flight: batches sent since the last one that everybody waited for, oldest first. */
type Model = { promised: Map<string, Uint8Array>; inFlight: { changes: Change[]; isPromised: boolean }[] }

async function workOnMap(env: Env, sim: Sim, model: Model): Promise<void> {
  try {
    const map = await openKeyValue(env.disk, 'map', { logBytesMax: 2000, log: env.log })
    adopt(map, model)
    for (let step = 0; step < 10; step++) {
      const count = 1 + sim.random.integer(3)
      const sent = Array.from({ length: count }, () => ({ changes: makeChanges(sim), isPromised: false }))
      model.inFlight.push(...sent)
      const results = await Promise.allSettled(
        sent.map(async (batch) => {
          await map.batch(batch.changes)
          batch.isPromised = true
        }),
      )
      const failed = results.find(({ status }) => status === 'rejected')
      if (failed?.status === 'rejected') throw failed.reason
      for (const { changes } of model.inFlight.splice(0)) apply(model.promised, changes)
      claim(isSame(contentOf(map), model.promised), 'the open map differs from what was put')
    }
    await map.close()
  } catch (error) {
    if (!isInjected(error)) throw error
  }
}

/** One of the states that the batches in flight allow must be there; it is the promise from now on. */
function adopt(map: KeyValue, model: Model): void {
  const content = contentOf(map)
  const count = model.inFlight.length
  for (let chosen = 0; chosen < 1 << count; chosen++) {
    if (model.inFlight.some(({ isPromised }, at) => isPromised && !(chosen & (1 << at)))) continue
    const state = new Map(model.promised)
    for (const [at, { changes }] of model.inFlight.entries()) if (chosen & (1 << at)) apply(state, changes)
    if (!isSame(content, state)) continue
    model.promised = state
    model.inFlight = []
    return
  }
  claim(false, `the map holds ${content.size} keys in a state that no crash explains`)
}

function makeChanges(sim: Sim): Change[] {
  return Array.from({ length: 1 + sim.random.integer(4) }, () => ({
    key: `key${sim.random.integer(12)}`,
    value: sim.random.chance(0.2) ? undefined : sim.random.bytes(sim.random.integer(120)),
  }))
}

function apply(state: Map<string, Uint8Array>, changes: readonly Change[]): void {
  for (const { key, value } of changes) {
    if (value === undefined) state.delete(key)
    else state.set(key, value)
  }
}

function contentOf(map: KeyValue): Map<string, Uint8Array> {
  return new Map(map.range().map(({ key, value }) => [key, value]))
}

function isSame(a: Map<string, Uint8Array>, b: Map<string, Uint8Array>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => Buffer.compare(value, b.get(key) ?? absent) === 0)
}

const absent = new Uint8Array(1000)
