/** Names the computation apart from its weights: semantics, graph, tokenizer, template and sampler. Spec: spec/tensor.md §9. */
import { bytesToHex, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { type Adapter, adapterLines } from '../adapter/readAdapter.ts'
import { isFirstType } from '../gguf/tensorTypes.ts'
import type { Graph } from './describeGraph.ts'

/** Raised whenever the same file and input could give other bits. */
export const semanticsVersion = 1
/** Of a file with types that version 1 has not: version 1 and their rules. Version 2 had other products of k-quants. */
export const moreTypesSemanticsVersion = 3
/** Of what families other than Llama add. Spec: spec/tensor.md §11 */
export const familyVersion = 1
export const samplerVersion = 1

/** @param text - that `programText` writes */
export function programId(text: string): Uint8Array {
  return sha256(textToBytes(text))
}

/** The text that the program id is the SHA-256 of. */
export function programText(graph: Graph, tokenizerRoot: Uint8Array, template: string, adapter?: Adapter): string {
  const tensors = [...graph.tensors.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  return [
    'weightless/program/1',
    `semantics ${tensors.every(({ type }) => isFirstType(type)) ? semanticsVersion : moreTypesSemanticsVersion}`,
    `architecture ${graph.architecture}`,
    `layers ${graph.layerCount} width ${graph.width} hidden ${graph.hiddenWidth} vocabulary ${graph.vocabSize}`,
    `heads ${graph.headCount} key-heads ${graph.keyHeadCount} head-size ${graph.headSize} rotated ${graph.rotatedSize}`,
    `context ${graph.contextLength} rope-base ${graph.ropeBase} epsilon ${graph.epsilon} tied ${graph.tied}`,
    ...familyLines(graph),
    ...tensors.map((tensor) => `tensor ${tensor.name} ${tensor.type} ${tensor.shape.join(' ')}`),
    `tokenizer ${bytesToHex(tokenizerRoot)}`,
    `template ${bytesToHex(sha256(textToBytes(template)))}`,
    `sampler ${samplerVersion}`,
    ...(adapter === undefined ? [] : adapterLines(adapter)),
    '',
  ].join('\n')
}

/** Llama has none: its programs are those that were there before. */
function familyLines({ architecture, family }: Graph): string[] {
  if (architecture === 'llama') return []
  const facts = Object.entries(family).sort(([a], [b]) => (a < b ? -1 : 1))
  return [`family ${familyVersion} ${facts.map(([name, value]) => `${name} ${value ?? 'none'}`).join(' ')}`]
}
