/** Streams a file's tensors into the arena, still quantised, in the kernels' layout of eight rows to a group. */

import type { ByteSource } from '../byteSource.ts'
import { GgufInvalidError } from '../gguf/ggufInvalidError.ts'
import type { GgufTensor } from '../gguf/readGguf.ts'
import { encodingOf, hasIntegerProducts, type TensorType } from '../gguf/tensorTypes.ts'
import { type Arena, layoutOf, matrixKinds } from '../kernels/loadKernels.ts'
import type { Graph } from './describeGraph.ts'
import type { Matrix, Weights } from './weights.ts'

export type LoadProgress = (facts: { doneBytes: number; totalBytes: number }) => void

const readBytesMax = 1 << 22

/** @throws {GgufInvalidError} when the file ends early or holds a scale that is not finite */
export async function loadWeights(
  graph: Graph,
  source: ByteSource,
  arena: Arena,
  onProgress?: LoadProgress,
): Promise<Weights> {
  const totalBytes = [...graph.tensors.values()].reduce((sum, tensor) => sum + tensor.sizeBytes, 0)
  let doneBytes = 0
  const loaded = new Map<string, Matrix>()
  const staging = arena.allocate(stagingBytes(graph))
  for (const tensor of graph.tensors.values()) {
    loaded.set(tensor.name, await loadMatrix(tensor, source, arena, staging))
    doneBytes += tensor.sizeBytes
    onProgress?.({ doneBytes, totalBytes })
  }
  arena.release(staging)
  return arrange(graph, arena, (name) => loaded.get(name)!)
}

function arrange(graph: Graph, arena: Arena, matrix: (name: string) => Matrix): Weights {
  const factors = graph.tensors.has('rope_freqs.weight') ? matrix('rope_freqs.weight') : undefined
  return {
    embedding: matrix('token_embd.weight'),
    layers: Array.from({ length: graph.layerCount }, (_, layer) => {
      const of = (name: string) => matrix(`blk.${layer}.${name}.weight`)
      const { hasBiases, normsHeads, normsOutputs } = graph.family
      const parts = ['q', 'k', 'v'].map((part) => `blk.${layer}.attn_${part}.bias`)
      return {
        attentionNorm: of('attn_norm').address,
        query: of('attn_q'),
        key: of('attn_k'),
        value: of('attn_v'),
        vectors: {
          biases: hasBiases ? sideBySide(arena, parts.map(matrix)) : 0,
          queryNorm: normsHeads ? of('attn_q_norm').address : 0,
          keyNorm: normsHeads ? of('attn_k_norm').address : 0,
          mixNorm: normsOutputs ? of('post_attention_norm').address : 0,
          downNorm: normsOutputs ? of('post_ffw_norm').address : 0,
        },
        attentionOutput: of('attn_output'),
        ffnNorm: of('ffn_norm').address,
        gate: of('ffn_gate'),
        up: of('ffn_up'),
        down: of('ffn_down'),
      }
    }),
    outputNorm: matrix('output_norm.weight').address,
    output: matrix(graph.tied ? 'token_embd.weight' : 'output.weight'),
    ropeFactors: factors && readFactors(graph, arena, factors),
  }
}

/** Vectors joined to one, in place of their own. */
function sideBySide(arena: Arena, vectors: readonly Matrix[]): number {
  const address = arena.allocate(vectors.reduce((sum, { columns }) => sum + columns * 4, 0))
  let to = address
  for (const { address: from, columns } of vectors) {
    arena.bytes(to, columns * 4).set(arena.bytes(from, columns * 4))
    arena.release(from)
    to += columns * 4
  }
  return address
}

function readFactors(graph: Graph, arena: Arena, { address }: Matrix): Float32Array {
  const factors = arena.floats(address, graph.rotatedSize / 2).slice()
  const value = factors.find((factor) => !(factor > 0))
  if (value !== undefined) {
    throw new GgufInvalidError('a divisor of the rotation is not positive', { name: 'rope_freqs.weight', value })
  }
  return factors
}

/** The largest piece that `loadMatrix` reads at once. */
function stagingBytes(graph: Graph): number {
  const groups = [...graph.tensors.values()].map((tensor) => rowBytesOf(tensor) * 8)
  return Math.max(readBytesMax, ...groups)
}

function rowBytesOf(tensor: GgufTensor): number {
  return tensor.sizeBytes / (tensor.shape[1] ?? 1)
}

async function loadMatrix(tensor: GgufTensor, source: ByteSource, arena: Arena, staging: number): Promise<Matrix> {
  if (tensor.shape.length === 1) return loadVector(tensor, source, arena, staging)
  const columns = tensor.shape[0]!
  const rows = tensor.shape[1]!
  const rowBytes = rowBytesOf(tensor)
  const { kind, groupBytes } = layoutOf(tensor.type, columns)
  const groups = Math.ceil(rows / 8)
  const address = arena.allocate(groups * groupBytes)
  const groupsPerRead = Math.max(1, Math.floor(readBytesMax / (rowBytes * 8)))
  for (let first = 0; first < groups; first += groupsPerRead) {
    const count = Math.min(groupsPerRead, groups - first)
    const rowsRead = Math.min(count * 8, rows - first * 8)
    await stage(tensor, source, arena, staging, first * 8 * rowBytes, rowsRead * rowBytes)
    for (let group = 0; group < count; group++) {
      const from = staging + group * 8 * rowBytes
      const to = address + (first + group) * groupBytes
      const bad = packGroup(tensor.type, arena, from, to, Math.min(8, rowsRead - group * 8), columns)
      if (bad) throw notFinite(tensor)
    }
  }
  return { kind, address, rows, columns, groups, groupBytes }
}

/** A vector keeps its plain order, widened to f32. */
async function loadVector(tensor: GgufTensor, source: ByteSource, arena: Arena, staging: number): Promise<Matrix> {
  const columns = tensor.shape[0]!
  const address = arena.allocate(columns * 4)
  await stage(tensor, source, arena, staging, 0, tensor.sizeBytes)
  const spread = arena.allocate(columns * 32)
  const bad = packGroup(tensor.type, arena, staging, spread, 1, columns)
  if (bad) throw notFinite(tensor)
  const from = arena.floats(spread, columns * 8)
  const to = arena.floats(address, columns)
  for (let i = 0; i < columns; i++) to[i] = from[i * 8]!
  arena.release(spread)
  return { kind: matrixKinds.float, address, rows: 1, columns, groups: 1, groupBytes: columns * 4 }
}

async function stage(
  tensor: GgufTensor,
  source: ByteSource,
  arena: Arena,
  staging: number,
  start: number,
  length: number,
): Promise<void> {
  const offset = tensor.offset + start
  const bytes = await source.read(offset, length)
  if (bytes.length !== length) throw new GgufInvalidError('the source ends early', { name: tensor.name, offset })
  arena.bytes(staging, length).set(bytes)
}

function packGroup(type: TensorType, { kernels }: Arena, from: number, to: number, rows: number, columns: number) {
  const { number } = encodingOf(type)
  if (hasIntegerProducts(type)) return kernels.packBlocks(number, from, to, rows, columns)
  return kernels.packFloat(number, from, to, rows, columns)
}

function notFinite(tensor: GgufTensor): GgufInvalidError {
  return new GgufInvalidError('a tensor holds a number that is not finite', {
    name: tensor.name,
    offset: tensor.offset,
  })
}
