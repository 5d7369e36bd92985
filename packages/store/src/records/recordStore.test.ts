/** Records under names: group commit, removal, room given back, and the index after a crash, on a simulated disk. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSim, type Sim } from '@weightless/env/sim'
import { openRecordStore, type RecordStore } from './recordStore.ts'

const a = 'aa'.repeat(20)
const b = 'bb'.repeat(20)
const fileBytesMax = 64 * 1024

async function inSim<Value>(
  sim: Sim,
  run: (store: RecordStore) => Promise<Value>,
  lost: string[] = [],
): Promise<Value> {
  const env = sim.boot('host')
  return sim.run(
    (async () => {
      const onLost = (name: string, index: number) => void lost.push(`${name.slice(0, 2)}${index}`)
      const store = await openRecordStore(env.disk, 'r', { fileBytesMax, onLost })
      const value = await run(store)
      return value
    })(),
  )
}

const bytesOf = (index: number): Uint8Array => new Uint8Array(1000 + index).fill(1 + (index % 255))

test('records are there after a crash, removed ones are not, and their room is given back', async () => {
  const sim = createSim({ seed: 1 })
  await inSim(sim, async (store) => {
    const stored = await Promise.all(
      Array.from({ length: 300 }, (_, index) => store.add(index % 3 === 0 ? a : b, index, bytesOf(index))),
    )
    assert.ok(stored.every((isStored) => isStored))
    assert.equal(store.count(a), 100)
    assert.equal(store.contiguous(a), 1)
    assert.deepEqual(store.list(a, 200, 3), [201, 204, 207])
  })
  sim.crash('host')
  await inSim(sim, async (store) => {
    assert.equal(store.count(b), 200)
    const before = store.sizes()
    await store.removeAll(b)
    assert.equal(store.count(b), 0)
    assert.deepEqual(store.list(b, 0, 10), [])
    await store.compact(new AbortController().signal)
    const after = store.sizes()
    assert.ok(after.diskBytes < before.diskBytes / 2, `${after.diskBytes} of ${before.diskBytes}`)
    for (const index of store.list(a, 0, 1_000)) assert.deepEqual(await store.read(a, index), bytesOf(index))
  })
  sim.crash('host')
  await inSim(sim, async (store) => {
    assert.equal(store.count(a), 100)
    assert.equal(store.count(b), 0)
    for (const index of store.list(a, 0, 1_000)) assert.deepEqual(await store.read(a, index), bytesOf(index))
    await store.remove(a, 3)
    assert.equal(await store.read(a, 3), undefined)
    assert.ok(await store.add(a, 3, bytesOf(7)))
    assert.deepEqual(await store.read(a, 3), bytesOf(7))
    await store.close()
  })
})

test('a damaged record is told, counts as missing, and does not stop the others or the giving back of room', async () => {
  const sim = createSim({ seed: 2 })
  const lost: string[] = []
  await inSim(sim, async (store) => {
    await Promise.all(Array.from({ length: 80 }, (_, index) => store.add(a, index, bytesOf(index))))
    await Promise.all(Array.from({ length: 80 }, (_, index) => store.add(b, index, bytesOf(index))))
    await store.close()
  })
  const path = 'r/log/00000001.log'
  const bytes = sim.disk('host').peek(path)!
  sim.disk('host').poke(path, 32 + 32 + 200, Uint8Array.of(bytes[32 + 32 + 200]! ^ 1))
  await inSim(
    sim,
    async (store) => {
      assert.equal(await store.read(a, 0), undefined)
      assert.equal(store.has(a, 0), false)
      assert.deepEqual(await store.read(a, 1), bytesOf(1))
      await store.removeAll(b)
      await store.compact(new AbortController().signal)
      for (let index = 1; index < 80; index++) assert.deepEqual(await store.read(a, index), bytesOf(index))
      await store.close()
    },
    lost,
  )
  assert.deepEqual(lost, ['aa0'])
})
