/**
 * Answers, trainings and an encoder that call every kernel, each with a hash that is the same wherever the engine runs. Node, Chromium
 * (`apps/console/test/journeys/agreeOnHashes.ts`) and Wasmtime (`peers/tensor/wasmtime.peer.ts`) run them.
 */
import { bytesToHex, concatBytes, type Hex } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { runChat } from '../chat/runChat.ts'
import { openEncoder } from '../encoder/openEncoder.ts'
import { makeTinyEncoder } from '../encoder/tinyEncoder.cases.ts'
import { vectorBytes } from '../encoder/vectorBytes.ts'
import { loadModel } from '../model/loadModel.ts'
import type { Trace } from '../trace/recordSteps.ts'
import { openCorpus } from '../train/full/openCorpus.ts'
import { openFullTrainer } from '../train/full/openFullTrainer.ts'
import { openLoraTrainer } from '../train/openLoraTrainer.ts'
import { makeProbeModel } from './makeProbeModel.ts'

export type EngineRun = { name: string; hash: Hex; trace?: { tokens: number[]; trace: Trace }; isState?: boolean }

const smallModel = 'packages/tensor/models/weightless-bard-1m.gguf'
const seed32 = new Uint8Array(32).fill(9)

/** @param read - a file of the repository by its path */
export async function* runEveryKernel(read: (path: string) => Promise<Uint8Array>): AsyncGenerator<EngineRun> {
  yield await answer('an answer of the small model', await read(smallModel))
  yield await answer('an answer of the probe', makeProbeModel())
  for (const name of ['types', 'qwen2', 'qwen3', 'gemma2', 'gemma3']) {
    yield await answer(`an answer of tiny-${name}`, await read(`vectors/tensor/tiny-${name}.gguf`))
  }
  yield { name: 'an adapter after a step', hash: await trainAdapter(), isState: true }
  yield { name: 'all weights after a step', hash: await trainWhole(await read(smallModel)), isState: true }
  yield { name: 'vectors of an encoder', hash: await embed() }
}

async function answer(name: string, weights: Uint8Array): Promise<EngineRun> {
  const model = await loadModel(weights)
  const content = 'What is a kingdom worth, and who is to say so? 0'
  const request = { messages: [{ role: 'user', content }], seed32, maxTokens: 12, temperature: 0.9, topP: 0.95 }
  const { outputTokens, trace } = await runChat(model, request, { trace: 'operators' })
  const tokens = [...model.promptTokens(request.messages), ...outputTokens.slice(0, -1)]
  return { name, hash: bytesToHex(trace!.root), trace: { tokens, trace: trace! } }
}

async function trainAdapter(): Promise<Hex> {
  const targets = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] as const
  const trainer = await openLoraTrainer(makeProbeModel(), {
    seed32,
    rank: 4,
    targets: [...targets],
    learningRate: 3e-3,
  })
  const row = (length: number) => ({
    tokens: Array.from({ length }, (_, i) => (i * 31 + length) % 250),
    mask: Array.from({ length }, (_, i) => Number(i > length / 3)),
  })
  return trainer.step([row(9), row(260)]).stateHash
}

async function trainWhole(weights: Uint8Array): Promise<Hex> {
  const tokens = Uint16Array.from({ length: 4_001 }, (_, i) => (i * 7919 + (i >> 5) * 31) % 1024)
  const corpus = openCorpus(new Uint8Array(tokens.buffer), 64)
  const trainer = await openFullTrainer(weights, corpus, { seed32, batchRows: 2 })
  return trainer.step().stateHash
}

async function embed(): Promise<Hex> {
  const encoder = await openEncoder(makeTinyEncoder().files)
  const texts = [encoder.tokensOf('Abab the bs, 北.'), Array.from({ length: 300 }, (_, i) => i % 16)]
  return bytesToHex(sha256(concatBytes(encoder.embed(texts).map(vectorBytes))))
}
