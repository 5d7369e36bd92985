/**
 * A model made wrong on purpose, for auditors to find: the scales of one matrix of one layer are moved by a few units in
 * the last place. Which, and by how much, is drawn. Spec: spec/alignment.md 6
 */
import type { Env } from '@weightless/env'
import { type GgufTensor, readGguf } from '@weightless/tensor'

export type Drift = { layer: number; tensor: string; ulps: number }

const parts = ['attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'] as const
/** Of Q8_0: a scale of f16, then 32 weights. */
const blockBytes = 34
const bitsMax = 5

/** @param weights - a GGUF file with layers in Q8_0; a changed copy comes back */
export async function plantDrift(
  weights: Uint8Array,
  random: Env['random'],
): Promise<{ drifted: Uint8Array; drift: Drift }> {
  const { tensors } = await readGguf({
    sizeBytes: weights.length,
    read: async (offset, length) => weights.subarray(offset, offset + length),
  })
  const below = (bound: number) => {
    const [a, b, c] = random.bytes(3)
    return (a! | (b! << 8) | (c! << 16)) % bound
  }
  const part = parts[below(parts.length)]!
  const fitting = [...tensors.values()].filter(({ name, type }) => type === 'Q8_0' && name.endsWith(`${part}.weight`))
  const tensor = fitting[below(fitting.length)]
  if (!tensor) throw new Error('no layer of this model has a matrix in Q8_0')
  const bit = below(bitsMax)
  return { drifted: moveScales(weights, tensor, bit), drift: describe(tensor, bit) }
}

function moveScales(weights: Uint8Array, { offset, sizeBytes }: GgufTensor, bit: number): Uint8Array {
  const changed = weights.slice()
  // Least significant byte first: its low bits are units in the last place.
  for (let at = offset; at < offset + sizeBytes; at += blockBytes) changed[at]! ^= 1 << bit
  return changed
}

const describe = ({ name }: GgufTensor, bit: number): Drift => ({
  layer: Number(/^blk\.(\d+)\./.exec(name)?.[1]),
  tensor: name,
  ulps: 1 << bit,
})
