/** Numbered records that come, go and are moved together, under power cuts at every write, torn and lost sectors, full disks. */
import type { Env } from '@weightless/env'
import type { Sim } from '@weightless/env/sim'
import { openRecordStore, type RecordStore } from '@weightless/store'
import { crashFaults, isInjected, runCrashRounds } from './crashRounds.ts'
import { claim, type Scenario } from './scenario.ts'

export const storeRecords: Scenario = {
  name: 'store/records',
  claim:
    'Every record that was acknowledged and not removed is there unchanged, whatever room was given back meanwhile.',
  plants: ['skip-fsync', 'swap-write-order', 'drop-before-sync', 'forget-removal'],
  fires: crashFaults,
  run: (seed, onSim) => {
    const known: Known = new Map()
    return runCrashRounds(seed, onSim, { work: (env, sim) => workOnRecords(env, sim, known) })
  },
}

/** What each number may hold: the promised bytes, or any of several where no promise was made since. */
type Known = Map<string, { may: (Uint8Array | undefined)[] }>

const names = ['a', 'b', 'c'].map((letter) => letter.repeat(40))
const numbers = 6

async function workOnRecords(env: Env, sim: Sim, known: Known): Promise<void> {
  try {
    const store = await openRecordStore(env.disk, 'records', { fileBytesMax: 4096, log: env.log })
    await compare(store, known)
    for (let step = 0; step < 10; step++) {
      await Promise.all(Array.from({ length: 1 + sim.random.integer(4) }, () => putOne(store, sim, known)))
      if (sim.random.chance(0.3)) await removeAll(store, sim.random.pick(names), known)
      if (sim.random.chance(0.4)) await store.compact(new AbortController().signal)
    }
    await compare(store, known)
    await store.close()
  } catch (error) {
    if (!isInjected(error)) throw error
  }
}

async function putOne(store: RecordStore, sim: Sim, known: Known): Promise<void> {
  const name = sim.random.pick(names)
  const index = sim.random.integer(numbers)
  const key = `${name}/${index}`
  if (store.writing(name, index)) return
  const bytes = sim.random.bytes(20 + sim.random.integer(600))
  const before = known.get(key)?.may ?? [undefined]
  known.set(key, { may: [...before, bytes] })
  if (await store.add(name, index, bytes)) known.set(key, { may: [bytes] })
}

async function removeAll(store: RecordStore, name: string, known: Known): Promise<void> {
  const keys = [...known.keys()].filter((key) => key.startsWith(name))
  for (const key of keys) known.set(key, { may: [...known.get(key)!.may, undefined] })
  await store.removeAll(name)
  for (const key of keys) known.set(key, { may: [undefined] })
}

/** What is found becomes the new promise: opening makes it durable. */
async function compare(store: RecordStore, known: Known): Promise<void> {
  for (const [key, { may }] of known) {
    const [name, index] = key.split('/') as [string, string]
    const found = await store.read(name, Number(index))
    const isAllowed = may.some((one) => (one === undefined ? found === undefined : found && equal(one, found)))
    claim(isAllowed, `record ${key.slice(0, 1)}${index} is ${found ? 'another one' : 'lost'}`)
    known.set(key, { may: [found] })
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
