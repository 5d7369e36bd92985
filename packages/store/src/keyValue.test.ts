import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textToBytes } from '@weightless/codec'
import { createSim } from '@weightless/env/sim'
import { openKeyValue } from './keyValue.ts'

test('keys come back in order, changed, removed and after opening again', async () => {
  const sim = createSim({ seed: 1 })
  const { disk } = sim.boot('a')
  await sim.run(
    (async () => {
      const map = await openKeyValue(disk, 'map', { logBytesMax: 300 })
      await Promise.all(['pear', 'apple', 'fig', 'ä'].map((key) => map.put(key, textToBytes(key.toUpperCase()))))
      await map.remove('pear')
      await map.batch([
        { key: 'date', value: textToBytes('1') },
        { key: 'fig', value: undefined },
        { key: 'fig', value: textToBytes('2') },
      ])
      assert.deepEqual(
        map.range('b', 'g').map(({ key }) => key),
        ['date', 'fig'],
      )
      assert.deepEqual(
        ['b', undefined].map((start) => map.range(start, undefined, 1).map(({ key }) => key)),
        [['date'], ['apple']],
      )
      assert.equal(map.range('b', 'g', 0).length, 0)
      await map.put('pear', new Uint8Array(0))
      await map.close()
      const again = await openKeyValue(disk, 'map')
      assert.deepEqual(
        again.range().map(({ key }) => key),
        ['apple', 'date', 'fig', 'pear', 'ä'],
      )
      assert.deepEqual(again.get('fig'), textToBytes('2'))
      assert.deepEqual(again.get('pear'), new Uint8Array(0))
      assert.equal(again.get('plum'), undefined)
      assert.equal(again.size(), 5)
      await again.close()
    })(),
  )
})

test('the log is replaced by a snapshot, and a changed byte in the snapshot is named', async () => {
  const sim = createSim({ seed: 2 })
  const { disk } = sim.boot('a')
  await sim.run(
    (async () => {
      const map = await openKeyValue(disk, 'map', { logBytesMax: 1000 })
      for (let at = 0; at < 100; at++) await map.put(`key${at % 5}`, new Uint8Array(100).fill(at))
      await map.close()
    })(),
  )
  const paths = sim.disk('a').paths()
  assert.deepEqual(
    paths.filter((path) => path.startsWith('map/snapshot')),
    ['map/snapshot'],
  )
  const total = paths.reduce((sum, path) => sum + sim.disk('a').peek(path)!.length, 0)
  assert.ok(total < 6000, `${total} bytes for 500 of content`)
  const snapshot = sim.disk('a').peek('map/snapshot')!
  for (let offset = 0; offset < snapshot.length; offset++) {
    sim.disk('a').poke('map/snapshot', offset, Uint8Array.of(snapshot[offset]! ^ 0x10))
    await assert.rejects(sim.run(openKeyValue(disk, 'map')), { code: 'store/log-corrupt' })
    sim.disk('a').poke('map/snapshot', offset, snapshot.subarray(offset, offset + 1))
  }
})
