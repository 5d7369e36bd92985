/** Brings the files of the models that a devnet serves: the default one (found or fetched), the user's own, the tiny one. */
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { DevnetEvent, DevnetOptions } from '../devnetOptions.ts'
import { listAddedModels } from '../weights/addModel.ts'
import { miniLm, smolLm2 } from '../weights/modelSources.ts'
import { resolveEncoder } from '../weights/resolveEncoder.ts'
import { resolveWeights } from '../weights/resolveWeights.ts'

/** `path` is the file whose root is the model's. */
export type ModelFile = {
  id: string
  path: string
  /** The other files of one that makes embeddings. */
  encoder?: { tokenizer: string; config: string }
}

/** Our own model in the repository, for machines that can have no other: it writes pseudo-Shakespeare and knows nothing. */
export const tinyModel: ModelFile = {
  id: 'weightless-bard-1m',
  path: join(import.meta.dirname, '../../../tensor/models/weightless-bard-1m.gguf'),
}

/**
 * Files in the order in which they are to be served; `onModel` gets the devnet's own model as soon as it is there, before
 * that `onAdded` each of the user's.
 * What cannot be had is told as an event and never stops the others.
 */
export async function loadModelFiles(
  options: Pick<DevnetOptions, 'modelPath' | 'weights'> & { dataFolder: string; signal: AbortSignal },
  emit: (event: DevnetEvent) => void,
  onModel: (model: ModelFile) => Promise<void>,
  onAdded = onModel,
): Promise<void> {
  for (const { id, path } of readAdded(options.dataFolder, emit)) await onAdded({ id, path })
  if (options.weights === 'none') return
  if (options.modelPath) {
    await onModel({ id: basename(options.modelPath).replace(/\.gguf$/i, ''), path: options.modelPath })
    return
  }
  if (options.weights === 'tiny') {
    await onModel(tinyModel)
    return
  }
  const found = await findDefault(options.signal, emit)
  if (found) await onModel(found)
}

function readAdded(dataFolder: string, emit: (event: DevnetEvent) => void): ModelFile[] {
  try {
    return listAddedModels(dataFolder)
  } catch (error) {
    emit({ type: 'warning', message: error instanceof Error ? error.message : String(error) })
    return []
  }
}

async function findDefault(signal: AbortSignal, emit: (event: DevnetEvent) => void): Promise<ModelFile | undefined> {
  try {
    const { path, origin, sizeBytes } = await resolveWeights(smolLm2, {
      signal,
      onProgress: ({ stage, doneBytes, totalBytes }) =>
        emit({ type: 'weights', model: smolLm2.id, stage, doneBytes, totalBytes }),
    })
    emit({ type: 'weights-ready', model: smolLm2.id, origin, sizeBytes })
    return { id: smolLm2.id, path }
  } catch (error) {
    if (signal.aborted) return undefined
    const fallback = existsSync(tinyModel.path) ? tinyModel : undefined
    emit({ type: 'weights-missing', model: smolLm2.id, reason: (error as Error).message, fallback: fallback?.id })
    return fallback
  }
}

/** The encoder for embeddings, found or fetched; told as an event where it cannot be had. */
export async function findEncoder(
  signal: AbortSignal,
  emit: (event: DevnetEvent) => void,
): Promise<ModelFile | undefined> {
  const { id } = miniLm
  try {
    const { paths, origin, sizeBytes } = await resolveEncoder(miniLm, {
      signal,
      onProgress: ({ stage, doneBytes, totalBytes }) =>
        emit({ type: 'weights', model: id, stage, doneBytes, totalBytes }),
    })
    emit({ type: 'weights-ready', model: id, origin, sizeBytes })
    const { weights: path, tokenizer, config } = paths
    return { id, path, encoder: { tokenizer, config } }
  } catch (error) {
    if (!signal.aborted)
      emit({ type: 'weights-missing', model: id, reason: (error as Error).message, fallback: undefined })
    return undefined
  }
}
