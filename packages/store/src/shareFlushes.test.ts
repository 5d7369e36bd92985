import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Disk, Env } from '@weightless/env'
import { createSim } from '@weightless/env/sim'
import { openSegmentLog } from './segmentLog.ts'

/** A disk whose flushes are counted, and take 100 ms. */
function slowFlushes({ disk, clock }: Pick<Env, 'disk' | 'clock'>): { disk: Disk; count: () => number } {
  let count = 0
  const open: Disk['open'] = async (path, mode) => {
    const file = await disk.open(path, mode)
    const sync = async (): Promise<void> => {
      count++
      await Promise.all([file.sync(), clock.sleep(100)])
    }
    return { ...file, sync }
  }
  return { disk: { ...disk, open }, count: () => count }
}

const record = (number: number) => Uint8Array.of(number, 1)

test('records that come while a flush is under way are written at once and share the next flush', async () => {
  const sim = createSim({ seed: 5, faults: { diskLatencyMs: [1, 1] } })
  const env = sim.boot('a')
  const { disk, count } = slowFlushes(env)
  await sim.run(
    (async () => {
      const log = await openSegmentLog(disk, 'log')
      const before = count()
      let ended = 0
      await log.append([record(0)])
      const first = log.sync().then(() => void ended++)
      await env.clock.sleep(1)
      const writers = Array.from({ length: 16 }, async (_, at) => {
        await log.append([record(at + 1)])
        assert.equal(ended, 0, 'it was written while the flush was under way')
        await log.sync()
        assert.equal(count() - before, 2)
      })
      await Promise.all([first, ...writers])
      await log.close()
    })(),
  )
})

test('what was written before `sync` was called stays, whatever flush it shared', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const sim = createSim({ seed, faults: { diskLatencyMs: [0, 5] } })
    const env = sim.boot('a')
    const durable = new Set<number>()
    await sim.run(
      (async () => {
        const log = await openSegmentLog(env.disk, 'log', { segmentBytesMax: 256 })
        const writers = Array.from({ length: 24 }, async (_, at) => {
          await env.clock.sleep((at * seed) % 17)
          await log.append([record(at)])
          await log.sync()
          durable.add(at)
        })
        await Promise.race([Promise.all(writers), env.clock.sleep(10 + (seed % 30))])
      })(),
    )
    sim.crash('a')
    const seen: number[] = []
    const onRecord = (_: number, payload: Uint8Array) => void seen.push(payload[0]!)
    await sim.run(openSegmentLog(sim.boot('a').disk, 'log', { segmentBytesMax: 256, onRecord }).then((l) => l.close()))
    for (const at of durable) assert.ok(seen.includes(at), `seed ${seed}: record ${at} is gone`)
  }
})

test('a flush that is not awaited, with a record behind it, does not stand for that record', async () => {
  const sim = createSim({ seed: 7, faults: { diskLatencyMs: [1, 1] } })
  const { disk } = sim.boot('a')
  await sim.run(
    (async () => {
      const log = await openSegmentLog(disk, 'log')
      await log.append([record(1)])
      const first = log.sync()
      const written = log.append([record(2)])
      await log.sync()
      sim.crash('a')
      void first
      void written
    })(),
  )
  const seen: number[] = []
  const onRecord = (_: number, payload: Uint8Array) => void seen.push(payload[0]!)
  await sim.run(openSegmentLog(sim.boot('a').disk, 'log', { onRecord }).then((log) => log.close()))
  assert.deepEqual(seen, [1, 2])
})

test('a flush that fails is told to all who shared it, and closing waits for the one under way', async () => {
  const sim = createSim({ seed: 8, faults: { diskLatencyMs: [1, 1] } })
  const env = sim.boot('a')
  let broken = false
  const open: Disk['open'] = async (path, mode) => {
    const file = await env.disk.open(path, mode)
    const sync = async (): Promise<void> => {
      await file.sync()
      if (broken) throw new Error('the disk is gone')
    }
    return { ...file, sync }
  }
  await sim.run(
    (async () => {
      const log = await openSegmentLog({ ...env.disk, open }, 'log')
      const [position] = await log.append([record(1)])
      const syncing = log.sync()
      await log.close()
      await syncing
      const again = await openSegmentLog({ ...env.disk, open }, 'log')
      assert.equal(again.end() > position!, true)
      broken = true
      await again.append([record(2)])
      const shared = [again.sync(), again.sync()]
      for (const result of await Promise.allSettled(shared)) assert.equal(result.status, 'rejected')
      await assert.rejects(again.append([record(3)]), { code: 'store/log-failed' })
      await assert.rejects(again.sync(), { code: 'store/log-failed' })
      await again.close()
    })(),
  )
})
