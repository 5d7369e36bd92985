import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodingOf, type TensorType, tensorEncodings } from '../gguf/tensorTypes.ts'
import { type WritableTensor, writeGguf } from '../gguf/writeGguf.ts'
import { byteCharacters } from '../tokenizer/byteAlphabet.ts'
import { expectedShapes, foldTermsMax } from './describeGraph.ts'
import { readFamily } from './family.ts'
import { describeModel, loadModel } from './loadModel.ts'

type Options = { hiddenWidth?: number; down?: TensorType; context?: number; divisors?: readonly number[] }

/** A file of one layer and of zeros. */
function makeFile({ hiddenWidth = 32, down = 'Q8_0', context = 64, divisors }: Options): Uint8Array {
  const tokens = [...byteCharacters, 'th']
  const shape = { width: 32, hiddenWidth, layerCount: 1, headCount: 2, keyHeadCount: 1, headSize: 16, tied: true }
  const graph = {
    ...shape,
    vocabSize: tokens.length,
    rotatedSize: 16,
    contextLength: context,
    ropeBase: 1e4,
    epsilon: 1,
    architecture: 'llama' as const,
    family: readFamily('llama', new Map(), { ...shape }),
  }
  const tensors = [...expectedShapes(graph)].map(([name, dimensions]): WritableTensor => {
    const type = dimensions.length === 1 ? 'F32' : name.includes('ffn_down') ? down : 'Q4_0'
    const { blockValues, blockBytes } = encodingOf(type)
    const values = dimensions.reduce((product, length) => product * length, 1)
    return { name, type, shape: dimensions, bytes: new Uint8Array((values / blockValues) * blockBytes) }
  })
  if (divisors) {
    const bytes = new Uint8Array(Float32Array.from(divisors).buffer)
    tensors.push({ name: 'rope_freqs.weight', type: 'F32', shape: [divisors.length], bytes })
  }
  const metadata = {
    'general.architecture': 'llama',
    'llama.context_length': context,
    'llama.embedding_length': 32,
    'llama.block_count': 1,
    'llama.feed_forward_length': hiddenWidth,
    'llama.attention.head_count': 2,
    'llama.attention.head_count_kv': 1,
    'llama.attention.layer_norm_rms_epsilon': 2 ** -17,
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'smollm',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': tokens.map(() => 1),
    'tokenizer.ggml.merges': ['t h'],
    'tokenizer.ggml.eos_token_id': 0,
  }
  return writeGguf(metadata, tensors)
}

test('no sum has more terms than two stages of runs take: the context is cut, wide matrices of floats are refused', async () => {
  for (const [context, expected] of [
    [64, 64],
    [65_536, 65_536],
    [131_072, 65_536],
  ] as const) {
    assert.equal((await describeModel(makeFile({ context }))).info.contextLength, expected)
  }
  for (const down of ['F32', 'F16', 'BF16'] as const) {
    const wide = makeFile({ hiddenWidth: foldTermsMax + 256, down })
    await assert.rejects(describeModel(wide), /too many columns.*blk.0.ffn_down.weight/)
    await describeModel(makeFile({ hiddenWidth: foldTermsMax, down }))
  }
  await describeModel(makeFile({ hiddenWidth: foldTermsMax + 32, down: 'Q8_0' }))
  await describeModel(makeFile({ hiddenWidth: foldTermsMax + 256, down: 'Q4_K' }))
  const model = await loadModel(makeFile({}))
  const session = model.createSession(100_000)
  assert.equal(session.capacity, foldTermsMax)
  session.close()
})

test('a program with types that were not in the first semantics has semantics of its own, which no contract takes for the first', async () => {
  const semanticsOf = async (down: TensorType) =>
    (await describeModel(makeFile({ hiddenWidth: 256, down }))).programText.split('\n')[1]
  const first = ['F32', 'F16', 'Q8_0', 'Q4_0', 'Q4_1']
  for (const { type } of tensorEncodings.values()) {
    assert.equal(await semanticsOf(type), first.includes(type) ? 'semantics 1' : 'semantics 3', type)
  }
})

test('divisors of the rotation are above 0', async () => {
  const divisors = [1, 2, 3, 4, 5, 6, 7, 8]
  await loadModel(makeFile({ divisors }))
  for (const wrong of [0, -0, -1]) {
    await assert.rejects(loadModel(makeFile({ divisors: [...divisors.slice(1), wrong] })), /rotation is not positive/)
  }
})
