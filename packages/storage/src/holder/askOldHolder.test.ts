/** What one question to the holder of a row finds out, and how few are asked however many ask for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hex } from '@weightless/codec'
import type { FetchResponse } from '@weightless/env'
import { createSim } from '@weightless/env/sim'
import { codeFile, toBody } from '../testing/codedFile.ts'
import { makeFile, openFile } from '../testing/storageClient.ts'
import type { NodeRecord, SignedPlacement } from '../wire/index.ts'
import { createAskOldHolder } from './askOldHolder.ts'

const redundancy = { dataRows: 2, parityRows: 1 }
const file = openFile(makeFile(3 * 262_144 - 5))
const coded = codeFile(file.bytes, file.tree, redundancy)
const ids = [1, 2, 3].map((digit): Hex => `0x${String(digit).repeat(64)}`)
const placement: SignedPlacement = { ...coded.placement(ids, 1), signatures: [null, null, null] }
const { shape } = file.tree

type Answer = (row: number, stripe: number) => Uint8Array | 'never' | number

async function withHolders(answer: Answer, run: (parts: World) => Promise<void>): Promise<void> {
  const sim = createSim({ seed: 1 })
  const env = sim.boot('a')
  const world = { asked: 0, known: new Set(ids), away: new Set<Hex>(), sleep: (ms: number) => env.clock.sleep(ms) }
  const fetch = async (url: string, options?: { signal?: AbortSignal }): Promise<FetchResponse> => {
    world.asked++
    const { searchParams } = new URL(url)
    const found = answer(Number(searchParams.get('row')), Number(searchParams.get('from')))
    if (found === 'never') {
      await new Promise((_, reject) => options!.signal!.addEventListener('abort', () => reject(new Error('late'))))
    }
    const status = typeof found === 'number' ? found : 200
    return { status, bytes: async () => found as Uint8Array } as unknown as FetchResponse
  }
  const nodes = {
    find: (id: Hex) => (world.known.has(id) ? ({ nodeId: id, url: 'http://old' } as NodeRecord) : undefined),
    isAway: (id: Hex) => world.away.has(id),
  }
  const network = { ...env.network, fetch: fetch as typeof env.network.fetch }
  const asking = createAskOldHolder({ env: { clock: env.clock, random: env.random, network }, nodes })
  await sim.run(run({ ...world, asking, count: () => world.asked }))
}

type World = {
  asking: ReturnType<typeof createAskOldHolder>
  known: Set<Hex>
  away: Set<Hex>
  count(): number
  sleep(ms: number): Promise<void>
}

const truth: Answer = (row, stripe) => toBody([coded.fragment(stripe, row)!])

test('a holder that shows a fragment of its row is live; one that cannot, in time, is gone', async () => {
  const otherRow: Answer = (row, stripe) => toBody([coded.fragment(stripe, (row + 2) % 3)!])
  const changed: Answer = (row, stripe) => flip(toBody([coded.fragment(stripe, row)!]))
  const cases: [Answer, string][] = [
    [truth, 'live'],
    [() => 404, 'gone'],
    [otherRow, 'gone'],
    [changed, 'gone'],
    [() => 'never', 'gone'],
  ]
  for (const [answer, state] of cases) {
    await withHolders(answer, async ({ asking }) => assert.equal(await asking(placement, 0, shape), state))
  }
})

test('of a node that is not heard of nobody is asked: it is gone where others are heard', async () => {
  await withHolders(truth, async ({ asking, known, away, count }) => {
    known.clear()
    assert.equal(await asking(placement, 1, shape), 'live')
    away.add(ids[1]!)
    assert.equal(await asking(placement, 1, shape), 'gone')
    assert.equal(count(), 0)
  })
})

test('one question answers all who ask within three seconds, and so many files a second are asked about', async () => {
  await withHolders(truth, async ({ asking, count, sleep }) => {
    await Promise.all(Array.from({ length: 50 }, () => asking(placement, 2, shape)))
    assert.equal(count(), 1)
    await sleep(3_001)
    await asking(placement, 2, shape)
    assert.equal(count(), 2)
    const root = (at: number): Hex => `0x${at.toString(16).padStart(64, '0')}`
    const many = (from: number) =>
      Promise.all(Array.from({ length: 1_000 }, (_, at) => asking({ ...placement, root: root(from + at) }, 2, shape)))
    const states = await many(0)
    assert.ok(states.includes('busy'))
    assert.ok(count() <= 2 + 256, `${count()}`)
    await sleep(1_000)
    await many(1_000)
    assert.ok(count() <= 2 + 256 + 17, `${count()}`)
  })
})

const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === bytes.length - 9 ? byte ^ 1 : byte))
