/** Which model a file is, from its head alone: the graph, and the program that runs it. Spec: spec/tensor.md §9 */
import { bytesToHex, type Hex } from '@weightless/codec'
import { type Adapter, readAdapter } from '../adapter/readAdapter.ts'
import { type ByteSource, toByteSource } from '../byteSource.ts'
import { GgufInvalidError } from '../gguf/ggufInvalidError.ts'
import { type Gguf, readGguf } from '../gguf/readGguf.ts'
import { readTokenizerTables } from '../tokenizer/readTables.ts'
import { tokenizerRoot } from '../tokenizer/tokenizerRoot.ts'
import { describeGraph, type Graph } from './describeGraph.ts'
import { programId, programText } from './programId.ts'

export type ModelIdentity = {
  graph: Graph
  programId: Hex
  /** What the program id is the SHA-256 of. */
  programText: string
  tokenizerRoot: Hex
}

/**
 * For who executes nothing: no tokenizer is made, which takes longer than all the rest.
 * @param adapter - its file, of which only the head counts
 * @throws {GgufInvalidError} {SafetensorsInvalidError} {AdapterInvalidError}
 */
export async function identifyModel(source: ByteSource | Uint8Array, adapter?: Uint8Array): Promise<ModelIdentity> {
  const gguf = await readGguf(toByteSource(source))
  const graph = describeGraph(gguf)
  return identityOf(gguf, graph, adapter && readAdapter(adapter, graph))
}

/** @throws {GgufInvalidError} */
export function identityOf(gguf: Gguf, graph: Graph, adapter?: Adapter): ModelIdentity {
  const tables = readTokenizerTables(gguf)
  if (tables.tokens.length !== graph.vocabSize) {
    throw new GgufInvalidError('vocabulary and embedding differ in size', { value: tables.tokens.length })
  }
  const root = tokenizerRoot(tables)
  const program = programText(graph, root, templateOf(gguf), adapter)
  return { graph, programId: bytesToHex(programId(program)), programText: program, tokenizerRoot: bytesToHex(root) }
}

/** The chat template; empty where the file has none. */
export function templateOf({ metadata }: Gguf): string {
  const template = metadata.get('tokenizer.chat_template')
  return typeof template === 'string' ? template : ''
}
