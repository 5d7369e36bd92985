/** Where a provider's answers come from, and the engine that is opened for it. */
import { readFile } from 'node:fs/promises'
import { type Engine, openUpstreamEngine } from '@weightless/compute'
import type { ServiceName } from '@weightless/compute/wire'
import type { Env } from '@weightless/env'
import type { LogprobKind } from '@weightless/receipt'
import { openLlama } from '../llama/openLlama.ts'
import { openWeights } from './openWeights.ts'
import { probePrints } from './probePrints.ts'

export type EngineSource = UpstreamSource | WeightsSource | LlamaSource

/** An OpenAI-compatible server. */
export type UpstreamSource = {
  upstream: string
  apiKey?: string
  upstreamModel?: string
  services: readonly ServiceName[]
  contextLength?: number
  tokenizerFile?: string
  /** The GGUF that it runs: answers with log-probabilities have fingerprints. */
  fingerprintFile?: string
  /** What they are of; found out where it is not said. */
  logprobs?: LogprobKind
}

/** A GGUF file, run by the embedded engine: its answers can be re-executed. */
export type WeightsSource = { weightsFile: string }

/** A GGUF file, run by llama.cpp in a process of its own: its answers are the provider's word. */
export type LlamaSource = {
  gguf: string
  /** Where the engine was installed. */
  engineFolder: string
  contextLength?: number
  /** Answers at once. */
  parallel: number
  threads?: number
  gpu: boolean
}

/** @param name - under which it is sold @throws {UpstreamFailedError} {EngineFailedError} {GgufFileError} {ProcessFailedError} {PrintProbeError} */
export async function openSource(env: Env, name: string, source: EngineSource): Promise<Engine> {
  if ('weightsFile' in source) return openWeights(env, name, source.weightsFile)
  if ('gguf' in source) {
    const { gguf: file, ...settings } = source
    return openLlama(env, { name, file, ...settings })
  }
  const { upstream: url, tokenizerFile, fingerprintFile, logprobs, ...rest } = source
  const tokenizer = tokenizerFile === undefined ? undefined : new Uint8Array(await readFile(tokenizerFile))
  const engine = { env, url, name, ...rest, ...(tokenizer && { tokenizer }) }
  if (!fingerprintFile) return openUpstreamEngine(engine)
  const { apiKey, upstreamModel: model = name } = source
  const server = { url, model, file: fingerprintFile, ...(apiKey && { apiKey }), ...(logprobs && { logprobs }) }
  return openUpstreamEngine({ ...engine, fingerprint: await probePrints(env, server) })
}

/** Jobs that the engine takes at once, where that is not the provider's default. */
export function concurrentOf(source: EngineSource): { concurrentMax?: number } {
  return 'gguf' in source ? { concurrentMax: source.parallel } : {}
}
