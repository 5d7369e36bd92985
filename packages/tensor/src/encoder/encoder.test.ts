/** The encoder against f64 and against vectors that numpy and Hugging Face's tokenizer made. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { bytesToHex, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import fc from 'fast-check'
import { minilm } from './minilm.cases.ts'
import { openEncoder } from './openEncoder.ts'
import { shorten } from './poolRows.ts'
import { makeTinyEncoder, referenceVector, tinyConfigJson, tinyTokenizerJson } from './tinyEncoder.cases.ts'
import { readWordPiece } from './wordPiece.ts'

const json = (value: unknown) => textToBytes(JSON.stringify(value))
const vectors = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../../../../vectors/encoder/${name}`, import.meta.url), 'utf8')) as T

const worstOf = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)))

const cosineOf = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  const dot = (x: ArrayLike<number>, y: ArrayLike<number>) => Array.from(x, (v, i) => v * y[i]!).reduce((s, v) => s + v)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}

describe('the encoder', () => {
  const tiny = makeTinyEncoder()
  const opening = openEncoder(tiny.files)
  const textOf = (length: number, shift: number) => Array.from({ length }, (_, i) => (i * 7 + shift) % 16)

  test('agrees with the same computation in f64, whatever the length', async () => {
    const encoder = await opening
    for (const length of [1, 2, 3, 4, 5, 63, 64, 65, 257, 320]) {
      const tokens = textOf(length, length)
      const [vector] = encoder.embed([tokens])
      assert.ok(worstOf(vector!, referenceVector(tiny, tokens)) < 2e-6, `length ${length}`)
    }
  })

  test('gives a text the same bits alone and beside others', async () => {
    const encoder = await opening
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 12 }), (lengths) => {
        const texts = lengths.map((length, i) => textOf(length, i))
        const together: Float32Array[] = []
        while (together.length < texts.length) {
          const count = encoder.passLength(texts, together.length)
          together.push(...encoder.embed(texts.slice(together.length, together.length + count)))
        }
        for (const [i, text] of texts.entries()) assert.deepEqual(together[i], encoder.embed([text])[0])
      }),
      { numRuns: 25 },
    )
  })

  test('gives these bits on every machine', async () => {
    const encoder = await opening
    const made = encoder.embed([encoder.tokensOf('Abab the bs, 北.'), textOf(100, 3)])
    const digest = sha256(new Uint8Array(Float32Array.from(made.flatMap((vector) => [...vector])).buffer))
    assert.equal(bytesToHex(digest), expected.digest)
    assert.equal(encoder.programId, expected.programId)
    assert.equal(encoder.tokenizerRoot, expected.tokenizerRoot)
  })

  test('shortens to vectors of length one', async () => {
    const [vector] = (await opening).embed([textOf(9, 1)])
    const short = shorten(vector!, 8)
    assert.equal(short.length, 8)
    assert.ok(Math.abs(Math.hypot(...short) - 1) < 1e-6)
    assert.ok(cosineOf(short, vector!.subarray(0, 8)) > 0.999999)
    assert.equal(shorten(vector!, 32), vector)
  })

  test('refuses files that do not belong together or are of another kind', async () => {
    const { files } = tiny
    const tokenizer = tinyTokenizerJson()
    const cases: [string, Partial<typeof files>][] = [
      ['not JSON', { config: textToBytes('{') }],
      ['another architecture', { config: json({ ...tinyConfigJson(), model_type: 'gpt2' }) }],
      ['another activation', { config: json({ ...tinyConfigJson(), hidden_act: 'relu' }) }],
      ['an absurd size', { config: json({ ...tinyConfigJson(), num_hidden_layers: 1e9 }) }],
      ['uneven heads', { config: json({ ...tinyConfigJson(), num_attention_heads: 3 }) }],
      ['a layer that is not there', { config: json({ ...tinyConfigJson(), num_hidden_layers: 3 }) }],
      ['another shape', { config: json({ ...tinyConfigJson(), intermediate_size: 56 }) }],
      ['another vocabulary', { config: json({ ...tinyConfigJson(), vocab_size: 17 }) }],
      [
        'a cased tokenizer',
        { tokenizer: json({ ...tokenizer, normalizer: { type: 'BertNormalizer', lowercase: false } }) },
      ],
      ['a byte-level tokenizer', { tokenizer: json({ ...tokenizer, model: { type: 'BPE', vocab: {} } }) }],
      ['a tokenizer that is a list', { tokenizer: json([]) }],
    ]
    for (const [what, change] of cases) {
      await assert.rejects(openEncoder({ ...files, ...change }), { code: 'tensor/encoder-invalid' }, what)
    }
    await assert.rejects(openEncoder({ ...files, weights: files.weights.subarray(0, 99) }), {
      code: 'tensor/safetensors-invalid',
    })
    const broken = files.weights.slice()
    new DataView(broken.buffer).setFloat32(broken.length - 4, Number.NaN, true)
    await assert.rejects(openEncoder({ ...files, weights: broken }), { code: 'tensor/encoder-invalid' })
  })
})

describe('WordPiece', () => {
  const tiny = readWordPiece(json(tinyTokenizerJson()))

  test('takes the longest piece, knows whole words only, and finds special tokens in a text', () => {
    assert.deepEqual(tiny.encode('AbAb ábs the.', 99), [2, 6, 9, 6, 11, 10, 12, 3])
    assert.deepEqual(tiny.encode('abz the', 99), [2, 1, 10, 3])
    assert.deepEqual(tiny.encode('a北b[SEP]a', 99), [2, 4, 15, 5, 3, 4, 3])
    assert.deepEqual(tiny.encode('', 99), [2, 3])
    assert.deepEqual(tiny.encode(`${'a'.repeat(101)} a`, 99), [2, 1, 4, 3])
  })

  test('stops soon after the limit, and fails on no text', () => {
    assert.ok(tiny.encode('a '.repeat(100_000), 10).length > 10)
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const tokens = tiny.encode(text, 64)
        assert.ok(tokens.length >= 2 && tokens.length <= 64 + 103)
        assert.ok(tokens.every((token) => token >= 0 && token < 16))
      }),
    )
  })
})

describe('all-MiniLM-L6-v2', minilm.options, () => {
  test('makes the tokens of Hugging Face', () => {
    const tokenizer = readWordPiece(minilm.files().tokenizer)
    for (const { text, tokens } of vectors<{ text: string; tokens: number[] }[]>('minilm.tokens.json')) {
      assert.deepEqual(tokenizer.encode(text, 512), tokens, JSON.stringify(text))
    }
  })

  test('makes the vectors of numpy', async () => {
    const encoder = await openEncoder(minilm.files())
    type Case = { text: string; tokens: number; vector: number[] }
    for (const { text, tokens: count, vector } of vectors<Case[]>('minilm.vectors.json')) {
      const tokens = encoder.tokensOf(text)
      assert.equal(tokens.length, count)
      const [made] = encoder.embed([tokens])
      assert.ok(cosineOf(made!, vector) > 0.999999, text)
      assert.ok(worstOf(made!, vector) < 1e-5, text)
    }
  })
})

/** Under encoder semantics 1. */
const expected = {
  digest: '0xf9f1bdae03a432daea23c8b460ec8bd11c59e4e3f74557aa1a48b7e3a0f24fed',
  programId: '0x38b7da28c00b14c1dd4ebcda4ee4628f46b50f5ad403d0640cd86db9f4be567a',
  tokenizerRoot: '0x15982db23d98d4108e7e11bb9624997f3904d41e7f50aff63eade27decef4e98',
}
