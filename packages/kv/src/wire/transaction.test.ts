/** The codec against the network's vectors, random transactions, and bytes that mean harm. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import { fileTree } from '@weightless/crypto'
import fc from 'fast-check'
import {
  type Control,
  type ControlKind,
  controlTypes,
  decodeStreamTags,
  encodeStreamTags,
  encodeTransaction,
  listEntriesMax,
  readTransaction,
  type Transaction,
} from './index.ts'

type Ref = { streamId: Hex; key: Hex }
type Vector = {
  name: string
  version: string
  reads: Ref[]
  writes: (Ref & { value: Hex })[]
  controls: { kind: ControlKind; streamId: Hex; key?: Hex; account?: Hex }[]
  encoded: Hex
  tags: Hex
  sizeBytes: number
  root?: Hex
}
const path = new URL('../../../../vectors/kv/transactions.json', import.meta.url)
const { transactions } = JSON.parse(readFileSync(path, 'utf8')) as { transactions: Vector[] }

const outlineOf = (bytes: Uint8Array) =>
  readTransaction((offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)), bytes.length)

function fromVector({ version, reads, writes, controls }: Vector): Transaction {
  const ref = ({ streamId, key }: Ref) => ({ streamId: hexToBytes(streamId), key: hexToBytes(key) })
  return {
    version: BigInt(version),
    reads: reads.map(ref),
    writes: writes.map((write) => ({ ...ref(write), value: hexToBytes(write.value) })),
    controls: controls.map(({ kind, streamId, key, account }) => ({
      kind,
      streamId: hexToBytes(streamId),
      ...(key && { key: hexToBytes(key) }),
      ...(account && { account: hexToBytes(account) }),
    })),
  }
}

async function comesBack(transaction: Transaction): Promise<void> {
  const bytes = encodeTransaction(transaction)
  const outline = await outlineOf(bytes)
  assert.ok(outline.ok)
  const writes = outline.value.writes.map(({ streamId, key, offset, length }) => ({
    streamId,
    key,
    value: bytes.slice(offset, offset + length),
  }))
  assert.deepEqual({ ...outline.value, writes }, transaction)
}

for (const vector of transactions) {
  test(`vector ${vector.name}`, async () => {
    const transaction = fromVector(vector)
    const bytes = encodeTransaction(transaction)
    assert.equal(bytes.length, vector.sizeBytes)
    assert.equal(bytesToHex(bytes), vector.encoded)
    if (vector.root) assert.equal(bytesToHex(fileTree(bytes).root), vector.root)
    const streams = [...vector.writes, ...vector.controls].map(({ streamId }) => streamId)
    assert.equal(encodeStreamTags([...new Set(streams)].sort()), vector.tags)
    assert.deepEqual(decodeStreamTags(hexToBytes(vector.tags)), [...new Set(streams)].sort())
    await comesBack(transaction)
  })
}

const plain = { noNullPrototype: true } as const
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const key = fc.uint8Array({ minLength: 1, maxLength: 300 })
const ref = fc.record({ streamId: bytesOf(32), key }, plain)
const control: fc.Arbitrary<Control> = fc
  .tuple(fc.constantFrom(...(Object.keys(controlTypes) as ControlKind[])), bytesOf(32), key, bytesOf(20))
  .map(([kind, streamId, itsKey, account]) => ({
    kind,
    streamId,
    ...(controlTypes[kind].key && { key: itsKey }),
    ...(controlTypes[kind].account && { account }),
  }))
const transaction: fc.Arbitrary<Transaction> = fc.record(
  {
    version: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    reads: fc.array(ref, { maxLength: 5 }),
    writes: fc.array(fc.record({ streamId: bytesOf(32), key, value: fc.uint8Array({ maxLength: 200 }) }, plain), {
      maxLength: 5,
    }),
    controls: fc.array(control, { maxLength: 5 }),
  },
  plain,
)

test('what was encoded comes back, and what follows it is not looked at', async () => {
  await fc.assert(fc.asyncProperty(transaction, comesBack), { numRuns: 200 })
})

test('cut or changed bytes never throw and never give more than there is', async () => {
  await fc.assert(
    fc.asyncProperty(transaction, fc.nat(), fc.nat(), fc.nat(255), async (value, cutAt, changeAt, byte) => {
      const bytes = encodeTransaction(value)
      const cut = await outlineOf(bytes.subarray(0, cutAt % bytes.length))
      assert.equal(cut.ok, false)
      const changed = bytes.slice()
      changed[changeAt % bytes.length] = byte
      const outline = await outlineOf(changed)
      if (outline.ok) for (const { offset, length } of outline.value.writes) assert.ok(offset + length <= bytes.length)
    }),
    { numRuns: 300 },
  )
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
      await outlineOf(bytes)
    }),
  )
})

test('empty keys, unknown controls, long lists and values beyond the file are refused by name', async () => {
  const empty = { version: 0n, reads: [], writes: [], controls: [] }
  const code = async (bytes: Uint8Array) => {
    const outline = await outlineOf(bytes)
    return outline.ok ? 'ok' : outline.code
  }
  const one = { streamId: new Uint8Array(32), key: new Uint8Array(0) }
  assert.equal(await code(encodeTransaction({ ...empty, reads: [one] })), 'invalid')
  const unknown = encodeTransaction({ ...empty, controls: [{ kind: 'renounceAdmin', streamId: one.streamId }] })
  unknown[20] = 0x33
  assert.equal(await code(unknown), 'invalid')
  for (const [place, list] of [
    [8, 'reads'],
    [12, 'writes'],
    [16, 'controls'],
  ] as const) {
    const bytes = encodeTransaction(empty)
    new DataView(bytes.buffer).setUint32(place, listEntriesMax + 1)
    assert.equal(await code(bytes), list)
    new DataView(bytes.buffer).setUint32(place, listEntriesMax)
    assert.equal(await code(bytes), 'invalid')
  }
  const long = encodeTransaction({ ...empty, writes: [{ ...one, key: new Uint8Array(1), value: new Uint8Array(4) }] })
  for (const length of [5n, 2n ** 53n, 2n ** 64n - 1n]) {
    new DataView(long.buffer).setBigUint64(16 + 32 + 3 + 1, length)
    assert.equal(await code(long), 'invalid')
  }
})

test('a transaction of huge keys is refused before it fills memory', async () => {
  const head = new Uint8Array(16)
  new DataView(head.buffer).setUint32(8, 100)
  let readBytes = 0
  const outline = await readTransaction((offset, length) => {
    readBytes += length
    const bytes = new Uint8Array(length).fill(255)
    if (offset === 0) bytes.set(head)
    return Promise.resolve(bytes)
  }, 2 ** 40)
  assert.equal(outline.ok, false)
  assert.equal(outline.ok || outline.code, 'too-large')
  assert.ok(readBytes < 2 ** 27)
})

test('tags of other things are no streams', () => {
  assert.equal(decodeStreamTags(new Uint8Array(0)), undefined)
  assert.equal(decodeStreamTags(new Uint8Array(64)), undefined)
  assert.equal(decodeStreamTags(hexToBytes(`${transactions[0]!.tags}00`)), undefined)
  assert.deepEqual(decodeStreamTags(hexToBytes(transactions[0]!.tags).subarray(0, 32)), [])
})
