import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { loadModel } from '../model/loadModel.ts'
import { openCorpus } from '../train/full/openCorpus.ts'
import { openFullTrainer } from '../train/full/openFullTrainer.ts'
import { openLoraTrainer } from '../train/openLoraTrainer.ts'
import { GgufInvalidError } from './ggufInvalidError.ts'
import { kQuantVectors } from './kQuants.cases.ts'
import { kQuantValues, readKQuant } from './kQuants.ts'
import { readGguf } from './readGguf.ts'
import { tensorEncodings } from './tensorTypes.ts'

const tiny = new Uint8Array(readFileSync(new URL('../../../../vectors/tensor/tiny-k-quants.gguf', import.meta.url)))

for (const { type, blockBytes, blocks, values } of kQuantVectors()) {
  test(`${type}: blocks of random bytes have the values that the package gguf reads`, () => {
    const count = blocks.length / blockBytes
    assert.equal(count, 5)
    for (let block = 0; block < count; block++) {
      const read = readKQuant(type, blocks.subarray(block * blockBytes, (block + 1) * blockBytes))
      assert.deepEqual(read, values.slice(block * kQuantValues, (block + 1) * kQuantValues), `block ${block}`)
    }
  })
}

test('a scale or minimum of any block that is not finite is refused, with the tensor', async () => {
  const gguf = await readGguf(tiny)
  const places = [
    ['blk.0.attn_q.weight', 0],
    ['blk.0.attn_q.weight', 2],
    ['blk.0.ffn_gate.weight', 2],
    ['blk.0.attn_v.weight', 80],
    ['blk.0.attn_v.weight', 82],
    ['token_embd.weight', 108],
    ['blk.0.attn_k.weight', 208],
  ] as const
  for (const [name, at] of places) {
    const tensor = gguf.tensors.get(name)!
    const { blockBytes } = [...tensorEncodings.values()].find(({ type }) => type === tensor.type)!
    const blocks = tensor.sizeBytes / blockBytes
    for (const block of [0, blocks - 1]) {
      const bytes = tiny.slice()
      new DataView(bytes.buffer).setUint16(tensor.offset + block * blockBytes + at, block ? 0xfe00 : 0x7c00, true)
      await assert.rejects(loadModel(bytes), (error) => {
        assert.ok(error instanceof GgufInvalidError && error.message.includes(name), `${name} ${at}: ${error}`)
        return true
      })
    }
  }
})

test('a row that is not whole blocks is refused', async () => {
  const name = 'blk.0.attn_q.weight'
  const bytes = tiny.slice()
  new DataView(bytes.buffer).setBigUint64(Buffer.from(tiny).indexOf(name) + name.length + 4, 288n, true)
  await assert.rejects(readGguf(bytes), /whole number of blocks.*value=288/)
})

test('nobody trains on k-quants', async () => {
  const seed32 = new Uint8Array(32)
  const refused = { name: 'GgufInvalidError', message: /cannot be trained on.*token_embd/ }
  await assert.rejects(openLoraTrainer(tiny, { seed32 }), refused)
  const corpus = openCorpus(new Uint8Array(128), 8)
  await assert.rejects(openFullTrainer(tiny, corpus, { seed32, batchRows: 2 }), refused)
})
