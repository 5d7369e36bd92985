/** Opens a GGUF file in the embedded engine, with a thread more for prompts where the machine has one. */
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { openTensorEngine } from '@weightless/compute'
import type { Env } from '@weightless/env'

/** @throws {EngineFailedError} */
export async function openWeights(env: Env, name: string, file: string) {
  const weights = new Uint8Array(await readFile(file))
  return openTensorEngine({ env, name, weights, mates: availableParallelism() > 1 ? 1 : 0 })
}
