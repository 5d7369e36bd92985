/** What a judging contract is told of a model's file: dimensions and where the tensors are. Spec: spec/dispute.md §7.5, §12. */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import type { GgufTensor } from '@weightless/tensor'
import { encodingOf, isFirstType } from '@weightless/tensor/gguf/tensorTypes'
import type { Graph } from '@weightless/tensor/model/describeGraph'

/** `Model` of solidity/dispute/judge/Model.sol. */
export type ModelFacts = {
  layers: bigint
  width: bigint
  hidden: bigint
  heads: bigint
  keyHeads: bigint
  headSize: bigint
  rotated: bigint
  vocab: bigint
  /** Bits of a binary32. */
  ropeBase: bigint
  epsilon: bigint
  fileBytes: bigint
  /** Eight bytes of each tensor. */
  tensors: Hex
}

const headTensors = ['token_embd', 'output_norm', 'output', 'rope_freqs'] as const
const layerTensors = 'attn_norm attn_q attn_k attn_v attn_output ffn_norm ffn_gate ffn_up ffn_down'.split(' ')
const absent = 2n ** 64n - 1n

/** @throws {FamilyUnjudgedError} {EncodingUnjudgedError} */
export function modelFacts(graph: Graph, fileBytes: number): ModelFacts {
  if (graph.architecture !== 'llama') throw new FamilyUnjudgedError({ architecture: graph.architecture })
  const names: string[] = [...headTensors]
  for (let layer = 0; layer < graph.layerCount; layer++) {
    names.push(...layerTensors.map((name) => `blk.${layer}.${name}`))
  }
  const table = new DataView(new ArrayBuffer(8 * names.length))
  for (const [i, name] of names.entries()) {
    table.setBigUint64(8 * i, packTensor(graph.tensors.get(`${name}.weight`)))
  }
  return {
    layers: BigInt(graph.layerCount),
    width: BigInt(graph.width),
    hidden: BigInt(graph.hiddenWidth),
    heads: BigInt(graph.headCount),
    keyHeads: BigInt(graph.keyHeadCount),
    headSize: BigInt(graph.headSize),
    rotated: BigInt(graph.rotatedSize),
    vocab: BigInt(graph.vocabSize),
    ropeBase: singleBits(graph.ropeBase),
    epsilon: singleBits(graph.epsilon),
    fileBytes: BigInt(fileBytes),
    tensors: bytesToHex(new Uint8Array(table.buffer)),
  }
}

/**
 * Offset and GGUF's number of the encoding; all ones for a tensor that the file has not.
 * @throws {EncodingUnjudgedError} for types that contracts do not read
 */
export function packTensor(tensor: GgufTensor | undefined): bigint {
  if (tensor === undefined) return absent
  const { name, type } = tensor
  if (!isFirstType(type)) throw new EncodingUnjudgedError({ name, type })
  return (BigInt(tensor.offset) << 8n) | BigInt(encodingOf(type).number)
}

function singleBits(value: number): bigint {
  return BigInt(new Uint32Array(Float32Array.of(value).buffer)[0]!)
}

const offChain = { hint: 'The dispute can be played and its verdict judged without the chain.' }

export class FamilyUnjudgedError extends WeightlessError {
  constructor(facts: { architecture: string }) {
    super(
      'dispute/family-unjudged',
      'No contract judges answers of a model that is not of the Llama family.',
      facts,
      offChain,
    )
  }
}

export class EncodingUnjudgedError extends WeightlessError {
  constructor(facts: { name: string; type: string }) {
    super(
      'dispute/encoding-unjudged',
      'No contract judges answers of a model with tensors of this type.',
      facts,
      offChain,
    )
  }
}
