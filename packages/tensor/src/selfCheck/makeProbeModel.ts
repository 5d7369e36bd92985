/** A small model made of counters instead of training, with every tensor type, to compare machines and to test with. */

import { encodingOf, type TensorType } from '../gguf/tensorTypes.ts'
import { type WritableTensor, writeGguf } from '../gguf/writeGguf.ts'
import { philox4x32 } from '../sampler/philox.ts'
import { byteCharacters } from '../tokenizer/byteAlphabet.ts'

const width = 64
const hiddenWidth = 96
const heads = 4
const keyHeads = 2
const headSize = 16
const layers = 2
const tokens = [...byteCharacters, 'th', 'the', '<|im_start|>', '<|im_end|>']

/** Types by tensor, so that each kernel takes part. */
const types: Record<string, TensorType> = {
  token_embd: 'Q8_0',
  attn_q: 'Q4_1',
  attn_k: 'Q4_0',
  attn_v: 'Q8_0',
  attn_output: 'F16',
  ffn_gate: 'Q4_1',
  ffn_up: 'Q4_0',
  ffn_down: 'F32',
}

export function makeProbeModel(): Uint8Array {
  const tensors: WritableTensor[] = []
  const add = (name: string, ...shape: number[]) => {
    const type = shape.length === 1 ? 'F32' : (types[name.split('.').at(-2)!] ?? 'F32')
    tensors.push({ name, type, shape, bytes: fill(type, shape, tensors.length) })
  }
  add('token_embd.weight', width, tokens.length)
  for (let layer = 0; layer < layers; layer++) {
    const block = `blk.${layer}`
    add(`${block}.attn_norm.weight`, width)
    add(`${block}.attn_q.weight`, width, heads * headSize)
    add(`${block}.attn_k.weight`, width, keyHeads * headSize)
    add(`${block}.attn_v.weight`, width, keyHeads * headSize)
    add(`${block}.attn_output.weight`, heads * headSize, width)
    add(`${block}.ffn_norm.weight`, width)
    add(`${block}.ffn_gate.weight`, width, hiddenWidth)
    add(`${block}.ffn_up.weight`, width, hiddenWidth)
    add(`${block}.ffn_down.weight`, hiddenWidth, width)
  }
  add('output_norm.weight', width)
  return writeGguf(metadata(), tensors)
}

function metadata() {
  return {
    'general.architecture': 'llama',
    'general.name': 'probe',
    'llama.context_length': 1024,
    'llama.embedding_length': width,
    'llama.block_count': layers,
    'llama.feed_forward_length': hiddenWidth,
    'llama.attention.head_count': heads,
    'llama.attention.head_count_kv': keyHeads,
    'llama.attention.layer_norm_rms_epsilon': 2 ** -17,
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'smollm',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': tokens.map((text) => (text.startsWith('<|') ? 3 : 1)),
    'tokenizer.ggml.merges': ['t h', 'th e'],
    'tokenizer.ggml.eos_token_id': tokens.length - 1,
    'tokenizer.chat_template':
      "{% for m in messages %}<|im_start|>{{ m['role'] }}: {{ m['content'] }}<|im_end|>{% endfor %}<|im_start|>",
  }
}

/** Encoded values of mean zero (one for vectors), drawn from Philox with the tensor's number as key. */
function fill(type: TensorType, shape: readonly number[], key: number): Uint8Array {
  const encoding = encodingOf(type)
  const values = shape.reduce((product, length) => product * length, 1)
  const bytes = new Uint8Array((values / encoding.blockValues) * encoding.blockBytes)
  for (let i = 0; i < bytes.length; i += 16) {
    const words = new Uint8Array(Uint32Array.from(philox4x32([i, 0, 0, 0], [key, 7])).buffer)
    bytes.set(words.subarray(0, Math.min(16, bytes.length - i)), i)
  }
  const view = new DataView(bytes.buffer)
  for (let at = 0; at < bytes.length; at += encoding.blockBytes) {
    if (type === 'F32') view.setFloat32(at, (shape.length === 1 ? 1 : 0) + view.getInt8(at) / 512, true)
    // Halves of magnitude 2⁻⁶ to 2⁻³ with random sign and fraction.
    else if (type === 'F16')
      view.setUint16(at, (view.getUint16(at, true) & 0x83ff) | ((9 + (bytes[at]! & 3)) << 10), true)
    else if (type === 'Q8_0') view.setUint16(at, 0x1400 | (view.getUint16(at, true) & 0x3ff), true)
    else view.setUint16(at, 0x2400 | (view.getUint16(at, true) & 0x3ff), true)
    if (type === 'Q4_1') view.setUint16(at + 2, 0xb080 | (view.getUint16(at + 2, true) & 0x7f), true)
  }
  return bytes
}
