/**
 * What a model file computes: its dimensions, checked, and the operators whose outputs the trace commits to.
 * Spec: spec/tensor.md §5.
 */

import { GgufInvalidError } from '../gguf/ggufInvalidError.ts'
import type { GgufValue } from '../gguf/ggufValue.ts'
import type { Gguf, GgufTensor } from '../gguf/readGguf.ts'
import { hasIntegerProducts } from '../gguf/tensorTypes.ts'
import { type Architecture, type Family, readArchitecture, readFamily } from './family.ts'
import { countOf, positiveOf } from './readDimension.ts'

export type Graph = {
  architecture: Architecture
  layerCount: number
  /** Width of the residual stream. */
  width: number
  hiddenWidth: number
  headCount: number
  keyHeadCount: number
  headSize: number
  rotatedSize: number
  contextLength: number
  vocabSize: number
  ropeBase: number
  epsilon: number
  /** Whether the output matrix is the embedding. */
  tied: boolean
  /** Where it differs from Llama. */
  family: Family
  tensors: ReadonlyMap<string, GgufTensor>
}

/**
 * The most terms of a f32 sum: kernels add the sums of runs of 256 in one run. A context is no longer, and a float matrix has
 * no more columns (of a quantised one each block of 32 is one term). Spec: spec/tensor.md §3.1
 */
export const foldTermsMax = 65_536

/** Operators of one layer, in order; the trace has a digest of the output of each. */
export const layerOperators = [
  'attention.norm',
  'attention.qkv',
  'attention.mix',
  'attention.residual',
  'ffn.norm',
  'ffn.gate',
  'ffn.residual',
] as const

/** Operators after the layers, at positions whose next token is asked for. */
export const headOperators = ['output.norm', 'output.logits', 'sample'] as const

/** Name of operator `index` of a step: `embed`, `layer 3 ffn.gate`, `output.logits`. */
export function operatorName(layerCount: number, index: number): string {
  if (index === 0) return 'embed'
  const inLayers = index - 1
  const layer = Math.floor(inLayers / layerOperators.length)
  if (layer < layerCount) return `layer ${layer} ${layerOperators[inLayers % layerOperators.length]}`
  return headOperators[inLayers - layerCount * layerOperators.length] ?? `operator ${index}`
}

/** Operators before the head: the embedding and all layers. */
export function bodyOperatorCount(layerCount: number): number {
  return 1 + layerCount * layerOperators.length
}

/** @throws {ArchitectureUnsupportedError} {GgufInvalidError} for tensors that do not match the dimensions */
export function describeGraph({ metadata, tensors }: Gguf): Graph {
  const architecture = readArchitecture(metadata)
  const experts = metadata.get(`${architecture}.expert_count`)
  if (experts !== undefined && experts !== 0) throw new GgufInvalidError('mixtures of experts are not supported')
  const read = (name: string, max: number, fallback?: number) =>
    countOf(metadata, `${architecture}.${name}`, max, fallback)
  const width = read('embedding_length', foldTermsMax)
  const headCount = read('attention.head_count', 1024)
  const headSize = read('attention.key_length', 256, width / headCount)
  const layerCount = read('block_count', 1024)
  const embedding = tensors.get('token_embd.weight')
  if (embedding === undefined) throw new GgufInvalidError('a tensor is missing', { name: 'token_embd.weight' })
  const graph: Graph = {
    ...{ architecture, layerCount, width, headCount, headSize, tensors },
    hiddenWidth: read('feed_forward_length', 2 ** 20),
    keyHeadCount: read('attention.head_count_kv', 1024, headCount),
    rotatedSize: read('rope.dimension_count', 256, headSize),
    contextLength: Math.min(read('context_length', 2 ** 24), foldTermsMax),
    vocabSize: embedding.shape[1] ?? 0,
    ropeBase: positiveOf(metadata, `${architecture}.rope.freq_base`, 10_000),
    epsilon: positiveOf(metadata, `${architecture}.attention.layer_norm_rms_epsilon`),
    tied: !tensors.has('output.weight'),
    family: readFamily(architecture, metadata, { width, headCount, headSize, layerCount }),
  }
  checkDimensions(graph, metadata)
  checkTensors(graph)
  return graph
}

function checkDimensions(graph: Graph, metadata: ReadonlyMap<string, GgufValue>): void {
  const { width, hiddenWidth, headCount, keyHeadCount, headSize, rotatedSize, family } = graph
  const refuse = (reason: string) => {
    throw new GgufInvalidError(`its shape is not supported: ${reason}`)
  }
  if (width % 32 || hiddenWidth % 32) refuse('widths are not multiples of 32')
  if (headCount % keyHeadCount) refuse('heads are not a multiple of key heads')
  if (!Number.isInteger(headSize) || headSize % 8 || headSize > 256)
    refuse('head size is not a multiple of 8 up to 256')
  if ((headCount * headSize) % 32) refuse('the heads together are not a multiple of 32')
  if (rotatedSize % 4 || rotatedSize > headSize) refuse('rotated size')
  if (family.rotation === 'halves' && rotatedSize % 8) refuse('rotated size is not a multiple of 8')
  if (Math.min(graph.ropeBase, family.localRopeBase ?? 1) < 1) refuse('rotation base below 1')
  const valueSize = metadata.get(`${graph.architecture}.attention.value_length`)
  if (valueSize !== undefined && valueSize !== headSize) refuse('values are not as long as keys')
}

function checkTensors(graph: Graph): void {
  const expected = expectedShapes(graph)
  for (const [name, shape] of expected) {
    const tensor = graph.tensors.get(name)
    if (tensor === undefined) throw new GgufInvalidError('a tensor is missing', { name })
    const same = tensor.shape.length === shape.length && shape.every((length, i) => tensor.shape[i] === length)
    if (!same) throw new GgufInvalidError('a tensor has the wrong shape', { name, value: tensor.shape.join('×') })
    if (shape.length === 1 && hasIntegerProducts(tensor.type)) {
      throw new GgufInvalidError('a vector is quantised', { name, value: tensor.type })
    }
    if (!hasIntegerProducts(tensor.type) && shape[0]! > foldTermsMax) {
      throw new GgufInvalidError('a matrix of floats has too many columns', { name, value: shape[0]! })
    }
  }
  for (const name of graph.tensors.keys()) {
    if (!expected.has(name)) throw new GgufInvalidError('a tensor is not part of the architecture', { name })
  }
}

/** Every tensor the graph reads, by name, with its shape. */
export function expectedShapes(graph: Omit<Graph, 'tensors'> & { tensors?: Graph['tensors'] }): Map<string, number[]> {
  const { width, hiddenWidth, vocabSize, family } = graph
  const queryWidth = graph.headCount * graph.headSize
  const keyWidth = graph.keyHeadCount * graph.headSize
  const shapes = new Map<string, number[]>([['token_embd.weight', [width, vocabSize]]])
  for (let layer = 0; layer < graph.layerCount; layer++) {
    const block = `blk.${layer}`
    shapes.set(`${block}.attn_norm.weight`, [width])
    shapes.set(`${block}.attn_q.weight`, [width, queryWidth])
    shapes.set(`${block}.attn_k.weight`, [width, keyWidth])
    shapes.set(`${block}.attn_v.weight`, [width, keyWidth])
    if (family.hasBiases) {
      shapes.set(`${block}.attn_q.bias`, [queryWidth])
      shapes.set(`${block}.attn_k.bias`, [keyWidth])
      shapes.set(`${block}.attn_v.bias`, [keyWidth])
    }
    if (family.normsHeads) {
      shapes.set(`${block}.attn_q_norm.weight`, [graph.headSize])
      shapes.set(`${block}.attn_k_norm.weight`, [graph.headSize])
    }
    shapes.set(`${block}.attn_output.weight`, [queryWidth, width])
    if (family.normsOutputs) {
      shapes.set(`${block}.post_attention_norm.weight`, [width])
      shapes.set(`${block}.post_ffw_norm.weight`, [width])
    }
    shapes.set(`${block}.ffn_norm.weight`, [width])
    shapes.set(`${block}.ffn_gate.weight`, [width, hiddenWidth])
    shapes.set(`${block}.ffn_up.weight`, [width, hiddenWidth])
    shapes.set(`${block}.ffn_down.weight`, [hiddenWidth, width])
  }
  shapes.set('output_norm.weight', [width])
  if (!graph.tied) shapes.set('output.weight', [width, vocabSize])
  if (graph.architecture === 'llama' && graph.tensors?.has('rope_freqs.weight'))
    shapes.set('rope_freqs.weight', [graph.rotatedSize / 2])
  return shapes
}
