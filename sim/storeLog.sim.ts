/** The segment log under power cuts at every write, torn and lost sectors, failing and full disks. */
import type { Env } from '@weightless/env'
import type { Sim } from '@weightless/env/sim'
import { openSegmentLog } from '@weightless/store'
import { crashFaults, isInjected, runCrashRounds } from './crashRounds.ts'
import { claim, type Scenario } from './scenario.ts'

export const storeLog: Scenario = {
  name: 'store/log',
  claim: 'Every record that was synced is there, in order and unchanged; every other is there whole or not at all.',
  plants: ['skip-fsync', 'swap-write-order', 'ignore-torn-tail', 'skip-folder-sync'],
  fires: crashFaults,
  run: (seed, onSim) => {
    const written: Written[] = []
    return runCrashRounds(seed, onSim, { work: (env, sim) => workOnLog(env, sim, written) })
  },
}

type Written = { payload: Uint8Array; isPromised: boolean }

async function workOnLog(env: Env, sim: Sim, written: Written[]): Promise<void> {
  try {
    const log = await openSegmentLog(env.disk, 'log', { segmentBytesMax: 4096, log: env.log, onRecord: () => {} })
    const found: Uint8Array[] = []
    for await (const { payload } of log.iterate()) found.push(payload)
    compare(found, written)
    for (let step = 0; step < 12; step++) {
      const batch = Array.from({ length: 1 + sim.random.integer(3) }, () => ({
        payload: makePayload(sim),
        isPromised: false,
      }))
      written.push(...batch)
      await log.append(batch.map(({ payload }) => payload))
      if (sim.random.chance(0.7)) {
        const promised = written.slice()
        await log.sync()
        for (const record of promised) record.isPromised = true
      }
    }
    await log.close()
  } catch (error) {
    if (!isInjected(error)) throw error
  }
}

/** Each differs from all others in its first bytes; some are zeros otherwise. */
function makePayload(sim: Sim): Uint8Array {
  const length = 8 + sim.random.integer(sim.random.chance(0.3) ? 1500 : 60)
  const payload = sim.random.chance(0.3) ? new Uint8Array(length) : sim.random.bytes(length)
  payload.set(sim.random.bytes(8))
  return payload
}

/** What is found becomes the new promise: opening makes it durable. */
function compare(found: readonly Uint8Array[], written: Written[]): void {
  let at = 0
  const kept: Written[] = []
  for (const payload of found) {
    while (at < written.length && !equal(written[at]!.payload, payload)) {
      claim(!written[at]!.isPromised, `record ${at} was synced and is lost`)
      at++
    }
    claim(at < written.length, 'a record is found that was never written')
    kept.push({ payload, isPromised: true })
    at++
  }
  for (; at < written.length; at++) claim(!written[at]!.isPromised, `record ${at} was synced and is lost`)
  written.splice(0, written.length, ...kept)
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
