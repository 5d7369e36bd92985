/** The sorted store under power cuts at every write, while tables are set aside, runs written and merged all the time. */
import type { Env } from '@weightless/env'
import type { Sim } from '@weightless/env/sim'
import { openSortedStore, type SortedStore } from '@weightless/store'
import { crashFaults, isInjected, runCrashRounds } from './crashRounds.ts'
import { claim, type Scenario } from './scenario.ts'

export const storeSorted: Scenario = {
  name: 'store/sorted',
  claim: 'A batch that resolved is there; any other is there whole or not at all; ranges are in order.',
  plants: ['skip-fsync', 'swap-write-order', 'ignore-torn-tail', 'swap-snapshot-order', 'skip-folder-sync'],
  fires: crashFaults,
  run: (seed, onSim) => {
    const model: Model = { promised: new Map(), inFlight: undefined }
    return runCrashRounds(seed, onSim, { work: (env, sim) => workOnStore(env, sim, model) })
  },
}

type Changes = { key: string; value: Uint8Array | undefined }[]
type Model = { promised: Map<string, Uint8Array>; inFlight: Changes | undefined }

async function workOnStore(env: Env, sim: Sim, model: Model): Promise<void> {
  let store: SortedStore | undefined
  try {
    store = await openSortedStore(env.disk, 'sorted', { memoryBytesMax: 2_500, cacheBytesMax: 5_000, log: env.log })
    adopt(store, model)
    for (let step = 0; step < 14; step++) {
      const changes = makeChanges(sim)
      model.inFlight = changes
      await store.batch(changes.map(({ key, value }) => ({ key: Buffer.from(key), value })))
      apply(model.promised, changes)
      model.inFlight = undefined
      claim(isSame(contentOf(store), model.promised), 'the open store differs from what was put')
    }
    await store.close()
  } catch (error) {
    if (!isInjected(error)) throw error
  }
}

/** The batch in flight is there whole or not at all; whichever it is, it stays so. */
function adopt(store: SortedStore, model: Model): void {
  const content = contentOf(store)
  if (!isSame(content, model.promised)) {
    if (model.inFlight) apply(model.promised, model.inFlight)
    claim(isSame(content, model.promised), `the store holds ${content.size} keys in a state that no crash explains`)
  }
  model.inFlight = undefined
}

function makeChanges(sim: Sim): Changes {
  const keys = new Set(Array.from({ length: 1 + sim.random.integer(4) }, () => `key${sim.random.integer(30)}`))
  return [...keys].map((key) => ({
    key,
    value: sim.random.chance(0.2) ? undefined : sim.random.bytes(sim.random.integer(200)),
  }))
}

function apply(state: Map<string, Uint8Array>, changes: Changes): void {
  for (const { key, value } of changes) {
    if (value === undefined) state.delete(key)
    else state.set(key, value)
  }
}

function contentOf(store: SortedStore): Map<string, Uint8Array> {
  const up = store.range({ limit: 1_000 }).map(({ key, value }) => [Buffer.from(key).toString(), value] as const)
  const down = store.range({ limit: 1_000, reverse: true }).map(({ key }) => Buffer.from(key).toString())
  claim(down.reverse().join() === up.map(([key]) => key).join(), 'backwards is not forwards reversed')
  return new Map(up)
}

function isSame(a: Map<string, Uint8Array>, b: Map<string, Uint8Array>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => Buffer.compare(value, b.get(key) ?? absent) === 0)
}

const absent = new Uint8Array(1000)
