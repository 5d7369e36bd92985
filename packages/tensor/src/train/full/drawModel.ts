/** A model file with weights drawn from a seed: where a training of all weights begins. Spec: spec/training.md §8.4. */
import { type WritableTensor, type WritableValue, writeGguf } from '../../gguf/writeGguf.ts'
import { expectedShapes } from '../../model/describeGraph.ts'
import { readFamily } from '../../model/family.ts'
import { streamWords } from '../../sampler/philox.ts'

export type ModelShape = {
  /** A multiple of 32. */
  width: number
  layers: number
  heads: number
  /** A divisor of `heads`. */
  keyHeads: number
  /** A multiple of 32. */
  hiddenWidth: number
  contextLength: number
  /** As many as the tokenizer has. */
  vocabSize: number
  /** Whether logits are products with the embedding. */
  tied: boolean
}

const drawDomain = 0x57686f6c
const epsilon = 1e-5
const ropeBase = 10_000

/**
 * @param metadata - name, licence and tokenizer, by GGUF's keys; the architecture is added
 * @returns a GGUF file with tensors of F32
 */
export function drawModel(shape: ModelShape, metadata: Record<string, WritableValue>, seed32: Uint8Array): Uint8Array {
  const { width, layers, heads, keyHeads, hiddenWidth, contextLength, vocabSize, tied } = shape
  const headSize = width / heads
  const graph = {
    architecture: 'llama' as const,
    ...{ width, hiddenWidth, contextLength, vocabSize, tied, headSize, ropeBase, epsilon },
    ...{ layerCount: layers, headCount: heads, keyHeadCount: keyHeads, rotatedSize: headSize },
    family: readFamily('llama', new Map(), { width, headCount: heads, headSize, layerCount: layers }),
  }
  const tensors = [...expectedShapes(graph)].map(([name, sizes], stream): WritableTensor => {
    const values = drawTensor(name, sizes, shape, seed32, stream)
    return { name, type: 'F32', shape: sizes, bytes: new Uint8Array(values.buffer) }
  })
  return writeGguf(
    {
      'general.architecture': 'llama',
      ...metadata,
      'llama.context_length': contextLength,
      'llama.embedding_length': width,
      'llama.block_count': layers,
      'llama.feed_forward_length': hiddenWidth,
      'llama.attention.head_count': heads,
      'llama.attention.head_count_kv': keyHeads,
      'llama.attention.layer_norm_rms_epsilon': { f32: epsilon },
      'llama.rope.freq_base': { f32: ropeBase },
      'llama.rope.dimension_count': headSize,
      'llama.vocab_size': vocabSize,
    },
    tensors,
  )
}

/** Norms are 1; the others bell-shaped around 0: the sum of eight even draws of 16 bits less 4, times √1.5 and the deviation. */
function drawTensor(
  name: string,
  sizes: readonly number[],
  { width, layers }: ModelShape,
  seed32: Uint8Array,
  stream: number,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(sizes.reduce((product, size) => product * size, 1))
  if (sizes.length === 1) return values.fill(1)
  const intoResidual = /\.(attn_output|ffn_down)\./.test(name)
  const embeds = name === 'token_embd.weight' || name === 'output.weight'
  const deviation = embeds ? 0.02 : 1 / Math.sqrt(width) / (intoResidual ? Math.sqrt(2 * layers) : 1)
  for (let i = 0; i < values.length; i++) {
    let sum = -4
    for (const word of streamWords(seed32, drawDomain, stream, i)) {
      sum += ((word & 0xffff) + 0.5) / 65_536 + ((word >>> 16) + 0.5) / 65_536
    }
    values[i] = sum * (deviation * Math.sqrt(1.5))
  }
  return values
}
