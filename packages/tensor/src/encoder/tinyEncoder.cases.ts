/** A tiny encoder with seeded random weights, and the same computation in f64 without any of the engine's code. */
import { textToBytes } from '@weightless/codec'
import { writeSafetensors } from '../safetensors/writeSafetensors.ts'
import type { EncoderFiles } from './openEncoder.ts'

const shape = { layers: 2, width: 32, hiddenWidth: 48, heads: 2, positions: 320 }
const words = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  'a',
  'b',
  'ab',
  '##a',
  '##b',
  '##ab',
  'the',
  '##s',
  '.',
  ',',
  'e',
  '北',
]

export function tinyTokenizerJson(): Record<string, unknown> {
  return {
    added_tokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]'].map((content, id) => ({ id, content, special: true })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(words.map((word, id) => [word, id])),
    },
  }
}

export function tinyConfigJson(): Record<string, unknown> {
  return {
    model_type: 'bert',
    hidden_act: 'gelu',
    num_hidden_layers: shape.layers,
    hidden_size: shape.width,
    intermediate_size: shape.hiddenWidth,
    num_attention_heads: shape.heads,
    max_position_embeddings: shape.positions,
    type_vocab_size: 2,
    vocab_size: words.length,
    layer_norm_eps: 1e-12,
  }
}

export type TinyEncoder = { files: EncoderFiles; tensors: Map<string, Float32Array> }

export function makeTinyEncoder(seed = 1): TinyEncoder {
  const random = createRandom(seed)
  const tensors = new Map<string, Float32Array>()
  const shapes = new Map<string, number[]>()
  const { layers, width, hiddenWidth, positions } = shape
  const put = (name: string, dimensions: number[], scale: number, middle = 0) => {
    const values = Float32Array.from({ length: dimensions.reduce((a, b) => a * b) }, () => middle + random() * scale)
    tensors.set(name, values)
    shapes.set(name, dimensions)
  }
  const norm = (name: string) => {
    put(`${name}.weight`, [width], 0.3, 1)
    put(`${name}.bias`, [width], 0.2)
  }
  const linear = (name: string, rows: number, columns: number) => {
    put(`${name}.weight`, [rows, columns], 0.6)
    put(`${name}.bias`, [rows], 0.3)
  }
  put('embeddings.word_embeddings.weight', [words.length, width], 1)
  put('embeddings.position_embeddings.weight', [positions, width], 0.5)
  put('embeddings.token_type_embeddings.weight', [2, width], 0.5)
  norm('embeddings.LayerNorm')
  for (let layer = 0; layer < layers; layer++) {
    const at = `encoder.layer.${layer}`
    for (const part of ['query', 'key', 'value']) linear(`${at}.attention.self.${part}`, width, width)
    linear(`${at}.attention.output.dense`, width, width)
    norm(`${at}.attention.output.LayerNorm`)
    linear(`${at}.intermediate.dense`, hiddenWidth, width)
    linear(`${at}.output.dense`, width, hiddenWidth)
    norm(`${at}.output.LayerNorm`)
  }
  const list = [...tensors].map(([name, values]) => ({ name, shape: shapes.get(name)!, values }))
  const json = (value: unknown) => textToBytes(JSON.stringify(value))
  const files = {
    weights: writeSafetensors(list),
    config: json(tinyConfigJson()),
    tokenizer: json(tinyTokenizerJson()),
  }
  return { files, tensors }
}

/** One text's vector in f64. */
export function referenceVector({ tensors }: TinyEncoder, tokens: readonly number[]): number[] {
  const { layers, width, heads } = shape
  const size = width / heads
  const get = (name: string) => tensors.get(name)!
  const row = (name: string, index: number) => [...get(name).subarray(index * width, (index + 1) * width)]
  const linear = (x: number[], name: string) =>
    [...get(`${name}.bias`)].map((bias, i) => {
      const weights = get(`${name}.weight`).subarray(i * x.length, (i + 1) * x.length)
      return x.reduce((sum, value, j) => sum + value * weights[j]!, bias)
    })
  const norm = (x: number[], name: string) => {
    const mean = x.reduce((a, b) => a + b) / width
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width
    const [weight, bias] = [get(`${name}.weight`), get(`${name}.bias`)]
    return x.map((value, i) => ((value - mean) / Math.sqrt(variance + 1e-12)) * weight[i]! + bias[i]!)
  }
  const add = (a: number[], b: number[]) => a.map((value, i) => value + b[i]!)
  let x = tokens.map((token, position) => {
    const place = row('embeddings.position_embeddings.weight', position)
    const sum = add(row('embeddings.word_embeddings.weight', token), place)
    return norm(add(sum, row('embeddings.token_type_embeddings.weight', 0)), 'embeddings.LayerNorm')
  })
  for (let layer = 0; layer < layers; layer++) {
    const at = `encoder.layer.${layer}`
    const [q, k, v] = ['query', 'key', 'value'].map((part) =>
      x.map((row) => linear(row, `${at}.attention.self.${part}`)),
    )
    const mixed = q!.map((query) =>
      Array.from({ length: heads }, (_, head) => {
        const slice = (values: number[]) => values.slice(head * size, (head + 1) * size)
        const scores = k!.map(
          (key) => slice(key).reduce((s, value, i) => s + value * slice(query)[i]!, 0) / Math.sqrt(size),
        )
        const top = Math.max(...scores)
        const weights = scores.map((score) => Math.exp(score - top))
        const total = weights.reduce((a, b) => a + b)
        return Array.from({ length: size }, (_, i) =>
          v!.reduce((s, value, j) => s + (weights[j]! / total) * slice(value)[i]!, 0),
        )
      }).flat(),
    )
    x = x.map((row, i) =>
      norm(add(linear(mixed[i]!, `${at}.attention.output.dense`), row), `${at}.attention.output.LayerNorm`),
    )
    x = x.map((row) => {
      const hidden = linear(row, `${at}.intermediate.dense`).map((h) => (h / 2) * (1 + erf(h / Math.SQRT2)))
      return norm(add(linear(hidden, `${at}.output.dense`), row), `${at}.output.LayerNorm`)
    })
  }
  const mean = x[0]!.map((_, i) => x.reduce((sum, row) => sum + row[i]!, 0) / x.length)
  const length = Math.hypot(...mean)
  return mean.map((value) => value / length)
}

/** By its Taylor series, which is exact to f64 where it is used here. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x)
  let term = x
  let sum = x
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}

/** Uniform in ±1. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 31 - 1
  }
}
