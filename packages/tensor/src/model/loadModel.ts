/** Opens a model file: describes it, loads its weights still quantised, and is then ready to run. */
import { attachAdapter } from '../adapter/attachAdapter.ts'
import { type Adapter, readAdapter } from '../adapter/readAdapter.ts'
import { type ByteSource, toByteSource } from '../byteSource.ts'
import type { ChatMessage } from '../chat/chatMessage.ts'
import { type ChatEnding, createChatTemplate } from '../chat/chatTemplate.ts'
import { createCaller } from '../crew/callKernel.ts'
import { createCallRound } from '../crew/callRound.ts'
import { type CrewSeat, leadCrew } from '../crew/crew.ts'
import { type Gguf, readGguf } from '../gguf/readGguf.ts'
import { createArena } from '../kernels/loadKernels.ts'
import { sampleBytes, weightsBytes } from '../sampler/sampleToken.ts'
import { readTokenizer, type Tokenizer } from '../tokenizer/readTokenizer.ts'
import { createSession, type Session } from './createSession.ts'
import { describeGraph, type Graph } from './describeGraph.ts'
import type { EngineParts } from './engineParts.ts'
import { identityOf, type ModelIdentity, templateOf } from './identifyModel.ts'
import { type LoadProgress, loadWeights } from './loadWeights.ts'
import { ropeAngles } from './ropeTable.ts'
import { allocateScratch, positionsMax } from './scratch.ts'

export type ModelInfo = {
  name: string
  architecture: string
  licence: string | undefined
  contextLength: number
  vocabSize: number
  layerCount: number
  parameterCount: number
  /** Size of the file. */
  sizeBytes: number
  /** Encoding of most of the weights, e.g. `Q4_1`. */
  quantisation: string
}

/** Everything that can be said of a model without loading its weights. */
export type ModelDescription = ModelIdentity & {
  info: ModelInfo
  tokenizer: Tokenizer
  /** The prompt for a conversation, ending where the answer begins, or without what begins it. Throws `ChatTemplateError`. */
  renderChat(messages: readonly ChatMessage[], ending?: ChatEnding, tools?: string): string
  /** Whether the file has a chat template. */
  hasChat: boolean
  /** Tokens of the rendered prompt. `tools`: the functions that the model is told of, OpenAI's `tools` as JSON text. */
  promptTokens(messages: readonly ChatMessage[], tools?: string): number[]
}

export type Model = ModelDescription & {
  /** Memory held for weights, scratch and open sessions. */
  memoryBytes(): number
  /** Memory that a session takes for each position. */
  positionBytes: number
  createSession(capacity: number): Session
  /** What the kernels work on. */
  parts: EngineParts
}

/** @throws {GgufInvalidError} */
export async function describeModel(
  source: ByteSource | Uint8Array,
  options: { adapter?: Uint8Array } = {},
): Promise<ModelDescription> {
  return (await open(toByteSource(source), options.adapter)).description
}

/**
 * @param options.onProgress - called after each tensor
 * @param options.seat - a crew's seat, to compute prompts on several threads; its memory becomes the model's
 * @param options.adapter - a LoRA adapter as a safetensors file (spec/training.md §7), which every answer then includes
 * @throws {GgufInvalidError} {ArchitectureUnsupportedError} {MemoryExhaustedError} {SafetensorsInvalidError} {AdapterInvalidError}
 */
export async function loadModel(
  source: ByteSource | Uint8Array,
  options: { onProgress?: LoadProgress; seat?: CrewSeat; adapter?: Uint8Array } = {},
): Promise<Model> {
  const file = toByteSource(source)
  const { description, adapter } = await open(file, options.adapter)
  const { graph } = description
  const { family } = graph
  const arena = await createArena(options.seat?.memory)
  const base = await loadWeights(graph, file, arena, options.onProgress)
  const weights = adapter === undefined ? base : attachAdapter(base, adapter, arena)
  const members = 1 + (options.seat?.mateCount ?? 0)
  const caller = createCaller(arena.kernels, arena.memory)
  const crew = options.seat && leadCrew(options.seat, caller)
  const parts: EngineParts = {
    graph,
    arena,
    weights,
    scratch: allocateScratch(graph, arena, members),
    round: createCallRound(caller, crew),
    crew,
    members,
    angles: ropeAngles(graph.rotatedSize, graph.ropeBase, weights.ropeFactors, family.ropeDivisor),
    localAngles: family.localRopeBase === undefined ? undefined : ropeAngles(graph.rotatedSize, family.localRopeBase),
    scoreFactor: Math.fround(1 / Math.sqrt(family.scoreSize)),
    sampleWeights: arena.allocate(weightsBytes(graph.vocabSize) * members),
    samples: arena.allocate(positionsMax * sampleBytes),
    adjustedLogits: arena.allocate(Math.ceil(graph.vocabSize / 4) * 16),
  }
  return {
    ...description,
    memoryBytes: () => arena.sizeBytes(),
    positionBytes: graph.layerCount * graph.keyHeadCount * graph.headSize * 8,
    createSession: (capacity) => createSession(parts, capacity),
    parts,
  }
}

async function open(
  file: ByteSource,
  adapterFile?: Uint8Array,
): Promise<{ description: ModelDescription; adapter: Adapter | undefined }> {
  const gguf = await readGguf(file)
  const graph = describeGraph(gguf)
  const adapter = adapterFile && readAdapter(adapterFile, graph)
  const identity = identityOf(gguf, graph, adapter)
  const tokenizer = readTokenizer(gguf)
  const templateText = templateOf(gguf)
  const chat = createChatTemplate(templateText, tokenizer)
  const begin = tokenizer.tables.addBegin && tokenizer.tables.beginToken >= 0 ? [tokenizer.tables.beginToken] : []
  const description: ModelDescription = {
    ...identity,
    info: infoOf(gguf, graph),
    tokenizer,
    renderChat: chat,
    hasChat: templateText !== '',
    promptTokens(messages, tools) {
      const tokens = tokenizer.encode(chat(messages, 'answer', tools))
      return tokens[0] === begin[0] ? tokens : [...begin, ...tokens]
    },
  }
  return { description, adapter }
}

function infoOf(gguf: Gguf, graph: Graph): ModelInfo {
  const name = gguf.metadata.get('general.name')
  const licence = gguf.metadata.get('general.license')
  const bytesByType = new Map<string, number>()
  let parameterCount = 0
  for (const tensor of graph.tensors.values()) {
    parameterCount += tensor.shape.reduce((product, length) => product * length, 1)
    bytesByType.set(tensor.type, (bytesByType.get(tensor.type) ?? 0) + tensor.sizeBytes)
  }
  return {
    name: typeof name === 'string' ? name : 'unnamed',
    architecture: graph.architecture,
    licence: typeof licence === 'string' ? licence : undefined,
    contextLength: graph.contextLength,
    vocabSize: graph.vocabSize,
    layerCount: graph.layerCount,
    parameterCount,
    sizeBytes: gguf.sizeBytes,
    quantisation: [...bytesByType].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'none',
  }
}
