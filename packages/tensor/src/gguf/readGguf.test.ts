import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { ArchitectureUnsupportedError } from '../model/family.ts'
import { describeModel, loadModel } from '../model/loadModel.ts'
import { makeProbeModel } from '../selfCheck/makeProbeModel.ts'
import { GgufInvalidError } from './ggufInvalidError.ts'
import { readGguf } from './readGguf.ts'
import { writeGguf } from './writeGguf.ts'

const tiny = new Uint8Array(readFileSync(new URL('../../../../vectors/tensor/tiny-random.gguf', import.meta.url)))

function refuses(bytes: Uint8Array, reason: RegExp) {
  return assert.rejects(readGguf(bytes), (error) => {
    assert.ok(error instanceof GgufInvalidError, String(error))
    assert.match(error.message, reason)
    return true
  })
}

function changed(change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = tiny.slice()
  change(new DataView(bytes.buffer), bytes)
  return bytes
}

/** Where the entry of a tensor starts: its length-prefixed name. */
function entryOf(bytes: Uint8Array, name: string): number {
  return Buffer.from(bytes).indexOf(name) - 8
}

test('reads a file made by another implementation', async () => {
  const gguf = await readGguf(tiny)
  assert.equal(gguf.metadata.get('llama.embedding_length'), 64)
  assert.equal(gguf.metadata.get('llama.rope.freq_base'), 100_000)
  const tokens = gguf.metadata.get('tokenizer.ggml.tokens')
  assert.ok(Array.isArray(tokens) && tokens.length === 512)
  const query = gguf.tensors.get('blk.0.attn_q.weight')
  assert.deepEqual([query?.type, query?.shape, query?.sizeBytes], ['Q4_1', [64, 64], (64 * 64 * 20) / 32])
})

test('every truncation is refused as truncated or beyond the end', async () => {
  for (let length = 0; length < tiny.length; length += 1 + Math.floor(length / 7)) {
    await assert.rejects(readGguf(tiny.subarray(0, length)), GgufInvalidError, `length ${length}`)
  }
  await refuses(tiny.subarray(0, 3000), /truncated/)
  await refuses(tiny.subarray(0, tiny.length - 33), /beyond the end/)
})

test('absurd counts and lengths are named with their offset', async () => {
  await refuses(
    changed((view) => view.setUint8(0, 0x46)),
    /does not begin with GGUF/,
  )
  await refuses(
    changed((view) => view.setUint32(4, 9, true)),
    /unknown version.*value=9/,
  )
  await refuses(
    changed((view) => view.setBigUint64(8, 2n ** 63n, true)),
    /too many: tensors.*offset=8/,
  )
  await refuses(
    changed((view) => view.setBigUint64(16, 2n ** 40n, true)),
    /too many: metadata entries.*offset=16/,
  )
  await refuses(
    changed((view) => view.setBigUint64(24, 2n ** 50n, true)),
    /a text is too long.*offset=24/,
  )
})

test('tensors that overlap, are misaligned, of an unknown type or an absurd shape are refused', async () => {
  const name = 'blk.0.ffn_up.weight'
  const at = entryOf(tiny, name) + 8 + name.length
  const [dimensions, type, offset] = [at + 4, at + 20, at + 24]
  await refuses(
    changed((view) => view.setBigUint64(offset, 0n, true)),
    /overlap/,
  )
  await refuses(
    changed((view) => view.setBigUint64(offset, view.getBigUint64(offset, true) + 4n, true)),
    /not aligned/,
  )
  await refuses(
    changed((view) => view.setBigUint64(offset, 2n ** 60n, true)),
    /absurdly large/,
  )
  await refuses(
    changed((view) => view.setUint32(type, 15, true)),
    /unsupported type.*value=15/,
  )
  await refuses(
    changed((view) => view.setBigUint64(dimensions, 33n, true)),
    /whole number of blocks/,
  )
  await refuses(
    changed((view) => view.setBigUint64(dimensions + 8, 2n ** 31n, true)),
    /beyond the end|absurd shape/,
  )
  await refuses(
    changed((view) => {
      view.setBigUint64(dimensions, 2n ** 20n, true)
      view.setBigUint64(dimensions + 8, 2n ** 31n, true)
    }),
    /absurd shape/,
  )
  await refuses(
    changed((view) => view.setBigUint64(dimensions + 8, 0n, true)),
    /absurd shape/,
  )
  await refuses(
    changed((view) => view.setUint32(at, 7, true)),
    /number of dimensions/,
  )
})

test('a tensor of the wrong shape, missing, extra or not finite is refused', async () => {
  const wrong = changed((_, bytes) =>
    bytes.set(Buffer.from('blk.0.ffn_uq.weight'), entryOf(bytes, 'blk.0.ffn_up.weight') + 8),
  )
  await assert.rejects(describeModel(wrong), /a tensor is missing.*blk.0.ffn_up.weight/)
  const name = 'blk.0.ffn_up.weight'
  const turned = changed((view, bytes) => {
    const [columns, rows] = [0, 8].map((at) => entryOf(bytes, name) + 12 + name.length + at)
    const width = view.getBigUint64(columns!, true)
    view.setBigUint64(columns!, view.getBigUint64(rows!, true), true)
    view.setBigUint64(rows!, width, true)
  })
  await assert.rejects(describeModel(turned), /a tensor has the wrong shape.*blk.0.ffn_up.weight/)
  const gguf = await readGguf(tiny)
  const query = gguf.tensors.get('blk.1.attn_q.weight')!
  const infinite = changed((view) => view.setUint16(query.offset + 20, 0x7c00, true))
  await assert.rejects(loadModel(infinite), /not finite.*blk.1.attn_q.weight/)
  const norm = gguf.tensors.get('output_norm.weight')!
  await assert.rejects(loadModel(changed((view) => view.setUint32(norm.offset + 8, 0x7fc00000, true))), /not finite/)
})

test('a file of another architecture or without a tokenizer is refused', async () => {
  await assert.rejects(
    describeModel(writeGguf({ 'general.architecture': 'gpt2' }, [])),
    /does not run this architecture.*gpt2.*qwen3, gemma,/,
  )
  await assert.rejects(describeModel(writeGguf({ 'general.architecture': 'llama' }, [])), GgufInvalidError)
})

test('random damage to the head never gives anything but a model or a typed error', async () => {
  const probe = makeProbeModel()
  const gguf = await readGguf(probe)
  const headBytes = Math.min(...[...gguf.tensors.values()].map((tensor) => tensor.offset))
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(headBytes - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 }),
      async (flips) => {
        const bytes = probe.slice()
        for (const [at, value] of flips) bytes[at] = value
        try {
          await describeModel(bytes)
        } catch (error) {
          const isTyped = error instanceof GgufInvalidError || error instanceof ArchitectureUnsupportedError
          assert.ok(isTyped, String(error))
        }
      },
    ),
    { numRuns: 400 },
  )
})

test('random bytes after the magic are refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (tail) => {
      const bytes = new Uint8Array(8 + tail.length)
      bytes.set([0x47, 0x47, 0x55, 0x46, 3, 0, 0, 0])
      bytes.set(tail, 8)
      await assert.rejects(readGguf(bytes), GgufInvalidError)
    }),
    { numRuns: 300 },
  )
})

test('a source that gives fewer bytes than it promised is refused', async () => {
  const short = {
    sizeBytes: tiny.length,
    read: async (offset: number, length: number) => tiny.subarray(offset, offset + length - 1),
  }
  await assert.rejects(loadModel(short), /ends early/)
})
