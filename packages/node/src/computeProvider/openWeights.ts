/** Opens a GGUF file in the embedded engine, with a thread more for prompts where the machine has one. */
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { openTensorEngine } from '@weightless/compute'
import type { Env } from '@weightless/env'
import { openFileSource } from '../openFileSource.ts'

/** @throws {EngineFailedError} */
export async function openWeights(env: Env, name: string, file: string) {
  const weights = new Uint8Array(await readFile(file))
  // Ranges of it are read again in a dispute; the engine's own copy is in another form.
  const source = await openFileSource(file)
  const engine = await openTensorEngine({
    env,
    name,
    weights,
    file: source,
    mates: availableParallelism() > 1 ? 1 : 0,
  }).catch(async (fault: unknown) => {
    await source.close()
    throw fault
  })
  return {
    ...engine,
    async close() {
      await engine.close()
      await source.close()
    },
  }
}
