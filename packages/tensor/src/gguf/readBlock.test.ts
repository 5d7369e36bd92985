import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { loadModel } from '../model/loadModel.ts'
import { blockVectors } from './blocks.cases.ts'
import { GgufInvalidError } from './ggufInvalidError.ts'
import { readBlock, widenBlock } from './readBlock.ts'
import { readGguf } from './readGguf.ts'
import { encodingOf, hasIntegerProducts, tensorEncodings } from './tensorTypes.ts'

const tiny = new Uint8Array(readFileSync(new URL('../../../../vectors/tensor/tiny-types.gguf', import.meta.url)))
const vectors = blockVectors()

test('there are blocks of every type that is not of floats', () => {
  const types = [...tensorEncodings.values()].map(({ type }) => type).filter(hasIntegerProducts)
  assert.deepEqual(vectors.map(({ type }) => type).sort(), types.sort())
})

for (const { type, blockBytes, blockValues, blocks, values } of vectors) {
  test(`${type}: blocks of random bytes have the values that the package gguf reads`, () => {
    assert.equal(blocks.length, 5 * blockBytes)
    for (let at = 0; at < values.length; at += 32) {
      const block = Math.floor(at / blockValues)
      const bytes = blocks.subarray(block * blockBytes, (block + 1) * blockBytes)
      const read = widenBlock(readBlock(type, bytes, (at % blockValues) / 32))
      assert.deepEqual(read, values.slice(at, at + 32), `values from ${at} on`)
    }
  })
}

test('a scale or minimum of any block that is not finite is refused, with the tensor', async () => {
  const gguf = await readGguf(tiny)
  let refused = 0
  for (const tensor of gguf.tensors.values()) {
    const vector = vectors.find(({ type }) => type === tensor.type)
    const { blockBytes } = encodingOf(tensor.type)
    const blocks = tensor.sizeBytes / blockBytes
    for (const at of vector?.halves ?? []) {
      for (const block of [0, blocks - 1]) {
        const bytes = tiny.slice()
        new DataView(bytes.buffer).setUint16(tensor.offset + block * blockBytes + at, block ? 0xfe00 : 0x7c00, true)
        await assert.rejects(loadModel(bytes), (error) => {
          assert.ok(
            error instanceof GgufInvalidError && error.message.includes(tensor.name),
            `${tensor.name}: ${error}`,
          )
          return true
        })
        refused++
      }
    }
  }
  assert.ok(refused > 24, String(refused))
})

test('a row that is not whole blocks is refused', async () => {
  const name = 'blk.0.attn_q.weight'
  const bytes = tiny.slice()
  new DataView(bytes.buffer).setBigUint64(Buffer.from(tiny).indexOf(name) + name.length + 4, 288n, true)
  await assert.rejects(readGguf(bytes), /whole number of blocks.*value=288/)
})
