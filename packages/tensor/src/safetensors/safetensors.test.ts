import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readSafetensors, tensorFloats } from './readSafetensors.ts'
import { SafetensorsInvalidError } from './safetensorsInvalidError.ts'
import { writeSafetensors } from './writeSafetensors.ts'

/** A file with a head of any kind over `dataBytes` zeroes. */
function file(head: unknown, dataBytes: number): Uint8Array {
  const text = new TextEncoder().encode(typeof head === 'string' ? head : JSON.stringify(head))
  const bytes = new Uint8Array(8 + text.length + dataBytes)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true)
  bytes.set(text, 8)
  return bytes
}

const sample = writeSafetensors(
  [
    { name: 'a', shape: [2, 3], values: Float32Array.of(1, -2, 0.5, 4, 5, 6) },
    { name: 'b', shape: [], values: Float32Array.of(7) },
  ],
  { format: 'pt' },
)

test('what is written is read: values, shapes and metadata', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 5 }),
      fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
      (names, metadata) => {
        const used = names.filter((name) => name !== '__metadata__' && name !== '__proto__')
        const tensors = used.map((name, i) => ({
          name,
          shape: [i, 2],
          values: Float32Array.from({ length: i * 2 }, (_, j) => i - j / 3),
        }))
        const read = readSafetensors(writeSafetensors(tensors, metadata))
        assert.deepEqual([...read.tensors.keys()].sort(), [...used].sort())
        for (const { name, shape, values } of tensors) {
          const tensor = read.tensors.get(name)!
          assert.deepEqual(tensor.shape, shape)
          assert.deepEqual(tensorFloats(tensor), values)
        }
        assert.deepEqual(Object.fromEntries(read.metadata), { ...metadata })
      },
    ),
  )
})

test('halves of both kinds are widened exactly', () => {
  const bytes = file(
    { h: { dtype: 'F16', shape: [4], data_offsets: [0, 8] }, b: { dtype: 'BF16', shape: [1], data_offsets: [8, 10] } },
    10,
  )
  bytes.set([0x00, 0x3c, 0x01, 0x00, 0x00, 0xc2, 0x00, 0x7c, 0xc0, 0x3f], bytes.length - 10)
  const { tensors } = readSafetensors(bytes)
  assert.deepEqual([...tensorFloats(tensors.get('h')!)], [1, 2 ** -24, -3, Infinity])
  assert.deepEqual([...tensorFloats(tensors.get('b')!)], [1.5])
})

const entry = (facts: object) => ({ t: { dtype: 'F32', shape: [1], data_offsets: [0, 4], ...facts } })
for (const [reason, bytes] of [
  ['it is truncated', new Uint8Array(7)],
  ['it is truncated', sample.subarray(0, 20)],
  ['its head is too long', new Uint8Array(16).fill(255)],
  ['its head is not JSON', file('{', 0)],
  ['its head is not an object', file([], 0)],
  ['its metadata is not an object', file({ __metadata__: 3 }, 0)],
  ['a metadata value is not a text', file({ __metadata__: { a: 3 } }, 0)],
  ['a tensor is not an object', file({ t: 3 }, 0)],
  ['a tensor is of an unsupported type', file(entry({ dtype: 'I32' }), 4)],
  ['a tensor has an impossible shape', file(entry({ shape: [-1] }), 4)],
  ['a tensor has an impossible shape', file(entry({ shape: [1.5] }), 4)],
  ['a tensor has impossible offsets', file(entry({ data_offsets: [0] }), 4)],
  ['a tensor lies beyond the end of the file', file(entry({}), 3)],
  ['a tensor has not the size of its shape', file(entry({ shape: [2 ** 52, 2 ** 52] }), 4)],
  ['tensors overlap or leave a gap', file({ ...entry({}), u: entry({}).t }, 4)],
  ['tensors overlap or leave a gap', file(entry({ data_offsets: [4, 8] }), 8)],
  ['bytes belong to no tensor', file(entry({}), 5)],
] as const) {
  test(`refused: ${reason} (${bytes.length} bytes)`, () => {
    assert.throws(
      () => readSafetensors(bytes),
      (error: Error) => error instanceof SafetensorsInvalidError && error.message.includes(reason),
    )
  })
}

test('flipped, cut and random bytes are read or refused, and never anything else', () => {
  const attempt = (bytes: Uint8Array) => {
    try {
      for (const tensor of readSafetensors(bytes).tensors.values()) tensorFloats(tensor)
    } catch (error) {
      assert.ok(error instanceof SafetensorsInvalidError, String(error))
    }
  }
  fc.assert(
    fc.property(fc.nat(sample.length - 1), fc.nat(255), fc.nat(sample.length), (at, value, length) => {
      const bytes = sample.slice()
      bytes[at] = value
      attempt(bytes)
      attempt(bytes.subarray(0, length))
    }),
    { numRuns: 500 },
  )
  fc.assert(fc.property(fc.json(), fc.nat(64), (head, dataBytes) => attempt(file(head, dataBytes))))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt))
})
