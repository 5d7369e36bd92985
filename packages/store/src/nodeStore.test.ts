import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSim } from '@weightless/env/sim'
import { openNodeStore } from './nodeStore.ts'

const key = (at: number): Uint8Array => new Uint8Array(32).fill(1).map((_, i) => (at * (i + 7) * 31 + i) & 255)
const value = (at: number): Uint8Array => new Uint8Array(40 + at).fill(at)

test('nodes and the last meta are there after opening again, from memory and from disk', async () => {
  const sim = createSim({ seed: 1 })
  const { disk } = sim.boot('a')
  await sim.run(
    (async () => {
      const store = await openNodeStore(disk, 'nodes', { recentBytesMax: 500, segmentBytesMax: 3000 })
      assert.equal(store.meta(), undefined)
      for (let round = 0; round < 20; round++) {
        const entries = Array.from({ length: 8 }, (_, at) => ({
          key: key(round * 4 + at),
          value: value(round * 4 + at),
        }))
        await store.commit([...entries, entries[0]!], Uint8Array.of(round))
      }
      assert.equal(store.size(), 84)
      for (let at = 0; at < 84; at++) assert.deepEqual(store.get(key(at)), value(at))
      await store.commit([], Uint8Array.of(99))
      await store.close()
      const again = await openNodeStore(disk, 'nodes', { recentBytesMax: 500 })
      assert.deepEqual(again.meta(), Uint8Array.of(99))
      for (let at = 0; at < 84; at++) assert.deepEqual(again.get(key(at)), value(at))
      assert.equal(again.get(key(84)), undefined)
      await assert.rejects(again.commit([{ key: new Uint8Array(20), value: value(1) }], new Uint8Array(0)), {
        code: 'store/node-key-invalid',
      })
      await again.close()
    })(),
  )
})

test('every changed byte of the last commit refuses to open and names file and offset', async () => {
  const sim = createSim({ seed: 2 })
  const { disk } = sim.boot('a')
  await sim.run(
    (async () => {
      const store = await openNodeStore(disk, 'nodes')
      await store.commit([{ key: key(1), value: value(1) }], Uint8Array.of(1))
      await store.commit([{ key: key(2), value: value(2) }], Uint8Array.of(2))
      await store.close()
    })(),
  )
  const path = 'nodes/00000001.log'
  const content = sim.disk('a').peek(path)!
  for (let offset = 0; offset < content.length; offset++) {
    sim.disk('a').poke(path, offset, Uint8Array.of(content[offset]! ^ 0x40))
    await assert.rejects(
      sim.run(openNodeStore(disk, 'nodes')),
      (error: { code?: string; facts?: { path: string; offset: number } }) => {
        assert.equal(error.code, 'store/log-corrupt')
        assert.equal(error.facts?.path, path)
        assert.ok(error.facts.offset <= offset && offset - error.facts.offset < 160)
        return true
      },
    )
    sim.disk('a').poke(path, offset, content.subarray(offset, offset + 1))
  }
})
