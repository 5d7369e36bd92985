/** What a contract is shown that judges one word: facts of the model, chunks and sectors with their proofs. Spec: spec/dispute.md §7. */
import { type HashTree, hashTreePath } from '@weightless/crypto'
import type { SectorRange } from '@weightless/crypto/sectorRange'
import type { ReadFile } from '@weightless/dispute'
import { computeUnit, unitWords } from '@weightless/dispute/working/computeWord'
import { chunkWords, type WorkingPlan } from '@weightless/dispute/working/rules'
import type { GgufTensor } from '@weightless/tensor'
import { tensorEncodings } from '@weightless/tensor/gguf/tensorTypes'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import { bytesToHex, type Hex } from 'viem'
import { bitsOfSingle } from './floatOperands.ts'

const absent = 2n ** 64n - 1n
const layerTensors = [
  'attn_norm',
  'attn_q',
  'attn_k',
  'attn_v',
  'attn_output',
  'ffn_norm',
  'ffn_gate',
  'ffn_up',
] as const

/** `Model` of harness/judge/Model.sol. */
export function modelFacts(graph: Graph, fileBytes: number) {
  const names = ['token_embd', 'output_norm', 'output', 'rope_freqs']
  for (let layer = 0; layer < graph.layerCount; layer++)
    names.push(...[...layerTensors, 'ffn_down'].map((name) => `blk.${layer}.${name}`))
  const tensors = names.map((name) => packTensor(graph.tensors.get(`${name}.weight`)))
  return {
    layers: BigInt(graph.layerCount),
    width: BigInt(graph.width),
    hidden: BigInt(graph.hiddenWidth),
    heads: BigInt(graph.headCount),
    keyHeads: BigInt(graph.keyHeadCount),
    headSize: BigInt(graph.headSize),
    rotated: BigInt(graph.rotatedSize),
    vocab: BigInt(graph.vocabSize),
    ropeBase: bitsOfSingle(graph.ropeBase),
    epsilon: bitsOfSingle(graph.epsilon),
    fileBytes: BigInt(fileBytes),
    tensors: `0x${tensors.map((packed) => packed.toString(16).padStart(16, '0')).join('')}` as Hex,
  }
}

/** Offset and GGUF's number of the encoding; all ones for a tensor that the file has not. */
export function packTensor(tensor: GgufTensor | undefined): bigint {
  if (tensor === undefined) return absent
  for (const [number, { type }] of tensorEncodings)
    if (type === tensor.type) return (BigInt(tensor.offset) << 8n) | BigInt(number)
  throw new Error(`no encoding ${tensor.type}`)
}

export type Reads = { chunks: number[]; file: { from: number; count: number } | undefined; expected: Uint32Array }

/** What the rule of a unit reads, found by computing it. @param words - of every table, as far as they are read */
export function readsOf(
  plan: WorkingPlan,
  words: (table: number, from: number, count: number) => Uint32Array,
  file: ReadFile,
  table: number,
  index: number,
): Reads {
  const chunks = new Set<number>()
  let range: Reads['file']
  const touch = (of: number, from: number, count: number) => {
    const { chunk } = plan.tables[of]!
    for (let word = from; count > 0 && word < from + count; word++) chunks.add(chunk + Math.floor(word / chunkWords))
  }
  touch(table, index, unitWords(plan.tables[table]!.rule))
  const expected = computeUnit(plan.tables, table, index, {
    words(of, from, count) {
      touch(of, from, count)
      return words(of, from, count)
    },
    file(from, count) {
      range = { from, count }
      return file(from, count)
    },
  })
  return { chunks: [...chunks], file: range, expected }
}

/** `Opening` of harness/judge/WorkingChunks.sol. */
export function openingOf(tree: HashTree, chunk: number, data: Uint8Array) {
  return {
    chunk: BigInt(chunk),
    data: bytesToHex(data),
    path: hashTreePath(tree, chunk).map((hash) => bytesToHex(hash)),
  }
}

/** `FileProof` of harness/WordJudge.sol; none for a rule that reads nothing of the file. */
export function fileProofOf(range: SectorRange | undefined) {
  return {
    sectors: bytesToHex(range?.sectors ?? new Uint8Array()),
    siblings: (range?.siblings ?? []).map((hash) => bytesToHex(hash)),
  }
}

/** A unit as a contract has it: the first word highest. */
export function packWords(words: Uint32Array): bigint {
  return words.reduce((packed, word) => (packed << 32n) | BigInt(word), 0n)
}
