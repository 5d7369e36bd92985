/** The sorted store against a plain sorted list: random batches, ranges both ways, restarts, damage. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSim } from '@weightless/env/sim'
import fc from 'fast-check'
import { compareKeys } from './sortedEntry.ts'
import { openSortedStore, type SortedStore } from './sortedStore.ts'

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'))
const text = (value: Uint8Array): string => Buffer.from(value).toString('latin1')
const small = { memoryBytesMax: 3_000, cacheBytesMax: 10_000, filterTailBytes: 1 }

/** Runs in a simulated world with one disk. */
async function withDisk(seed: number, run: (open: () => Promise<SortedStore>) => Promise<void>): Promise<void> {
  const sim = createSim({ seed })
  const env = sim.boot('a')
  await sim.run(run(() => openSortedStore(env.disk, 'store', small)))
}

test('byte order: a beginning comes first, bytes are unsigned', () => {
  assert.ok(compareKeys(bytes('a'), bytes('ab')) < 0)
  assert.ok(compareKeys(bytes('\x7f'), bytes('\x80')) < 0)
  assert.ok(compareKeys(bytes('\xff'), bytes('\x00\x00')) > 0)
  assert.equal(compareKeys(bytes(''), bytes('')), 0)
})

const keys = fc.string({ minLength: 0, maxLength: 3, unit: fc.constantFrom('\0', 'a', 'b', '\xff') })
const change = fc.record({ key: keys, value: fc.option(fc.string({ maxLength: 40, unit: 'binary-ascii' })) })

test('it answers as a sorted list would, over restarts, while runs are written and merged', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(change, { minLength: 1, maxLength: 12 }), { maxLength: 25 }),
      fc.array(fc.tuple(fc.option(keys), fc.option(keys), fc.nat(8), fc.boolean()), { maxLength: 6 }),
      async (batches, questions) => {
        await withDisk(1, async (open) => {
          const model = new Map<string, string>()
          let store = await open()
          for (const [at, batch] of batches.entries()) {
            await store.batch(
              batch.map(({ key, value }) => ({ key: bytes(key), value: value === null ? undefined : bytes(value) })),
            )
            for (const { key, value } of batch) value === null ? model.delete(key) : model.set(key, value)
            if (at % 7 === 6) {
              await store.close()
              store = await open()
            }
          }
          const sorted = [...model].sort(([a], [b]) => compareKeys(bytes(a), bytes(b)))
          for (const [key, value] of sorted) assert.equal(text(store.get(bytes(key))!), value)
          for (const [start, end, limit, reverse] of questions) {
            const wanted = sorted.filter(
              ([key]) =>
                (start === null || compareKeys(bytes(key), bytes(start)) >= 0) &&
                (end === null || compareKeys(bytes(key), bytes(end)) < 0),
            )
            const expected = (reverse ? wanted.toReversed() : wanted).slice(0, limit)
            const range = {
              ...(start === null ? {} : { start: bytes(start) }),
              ...(end === null ? {} : { end: bytes(end) }),
            }
            const found = store.range({ ...range, limit, reverse })
            assert.deepEqual(
              found.map(({ key, value }) => [text(key), text(value)]),
              expected,
            )
          }
          for (const start of new Set(sorted.map(([key]) => key.slice(0, -1)))) {
            const wanted = sorted.filter(([key]) => key.length === start.length + 1 && key.startsWith(start))
            const range = { start: bytes(start), end: bytes(`${start}\xff\xff\xff\xff`), limit: 1_000 }
            const found = store.range({ ...range, under: bytes(start) }).map(({ key }) => text(key))
            for (const [key] of wanted) assert.ok(found.includes(key), `${key} is not found under ${start}`)
          }
          await store.close()
        })
      },
    ),
    { numRuns: 60 },
  )
})

test('ten thousand keys end in few runs, all readable, removed ones gone from the disk', async () => {
  await withDisk(2, async (open) => {
    let store = await open()
    const name = (at: number): Uint8Array => bytes(`key ${String((at * 7919) % 10_000).padStart(5, '0')}`)
    for (let at = 0; at < 10_000; at += 50) {
      await store.batch(Array.from({ length: 50 }, (_, i) => ({ key: name(at + i), value: bytes(`value ${at + i}`) })))
    }
    await store.settled()
    assert.ok(store.sizes().runs >= 1 && store.sizes().runs <= 12, `${store.sizes().runs} runs`)
    await store.close()
    store = await open()
    for (let at = 0; at < 10_000; at += 333) assert.equal(text(store.get(name(at))!), `value ${at}`)
    const last = store.range({ limit: 1, reverse: true })[0]!
    assert.equal(text(last.key), 'key 09999')
    for (let at = 0; at < 10_000; at += 50) {
      await store.batch(Array.from({ length: 50 }, (_, i) => ({ key: name(at + i), value: undefined })))
    }
    assert.deepEqual(store.range({ limit: 5 }), [])
    await store.close()
  })
})

test('a flipped bit in a run is found, not read', async () => {
  const sim = createSim({ seed: 3 })
  const env = sim.boot('a')
  await sim.run(
    (async () => {
      const store = await openSortedStore(env.disk, 'store', small)
      for (let at = 0; at < 40; at++) await store.batch([{ key: bytes(`k${at}`), value: new Uint8Array(200).fill(at) }])
      await store.close()
      const name = (await env.disk.list('store')).find((file) => file.endsWith('.run'))!
      const file = await env.disk.open(`store/${name}`, 'write')
      const [byte] = await file.read(100, 1)
      await file.write(100, new Uint8Array([byte! ^ 4]))
      await file.close()
      const again = await openSortedStore(env.disk, 'store', small)
      assert.throws(() => again.range({ limit: 100 }), { code: 'store/log-corrupt' })
      await again.close()
    })(),
  )
})
