/** Where a provider's answers come from, and the engine that is opened for it. */
import { readFile } from 'node:fs/promises'
import { type Engine, openUpstreamEngine } from '@weightless/compute'
import type { ServiceName } from '@weightless/compute/wire'
import type { Env } from '@weightless/env'
import { openLlama } from '../llama/openLlama.ts'
import { rootOfFile } from '../openFileSource.ts'
import { openWeights } from './openWeights.ts'

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

/** @param name - under which it is sold @throws {UpstreamFailedError} {EngineFailedError} {GgufFileError} {ProcessFailedError} */
export async function openSource(env: Env, name: string, source: EngineSource): Promise<Engine> {
  if ('weightsFile' in source) return openWeights(env, name, source.weightsFile)
  if ('gguf' in source) {
    const { gguf: file, ...settings } = source
    return openLlama(env, { name, file, ...settings })
  }
  const { upstream: url, tokenizerFile, fingerprintFile, ...rest } = source
  const tokenizer = tokenizerFile === undefined ? undefined : new Uint8Array(await readFile(tokenizerFile))
  // Servers that speak OpenAI's protocol show the model's own distribution.
  const fingerprint = fingerprintFile && { modelRoot: await rootOfFile(fingerprintFile), logprobs: 'model' as const }
  return openUpstreamEngine({
    env,
    url,
    name,
    ...rest,
    ...(tokenizer && { tokenizer }),
    ...(fingerprint && { fingerprint }),
  })
}

/** Jobs that the engine takes at once, where that is not the provider's default. */
export function concurrentOf(source: EngineSource): { concurrentMax?: number } {
  return 'gguf' in source ? { concurrentMax: source.parallel } : {}
}
