/** A user's own GGUF files: checked, remembered in the data directory, served by every devnet that runs on it. */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { type Hex, WeightlessError } from '@weightless/codec'
import { describeModel, type ModelInfo } from '@weightless/tensor'
import { z } from 'zod'
import { openFileSource, rootOfFile } from '../openFileSource.ts'
import { writeWhole } from '../writeWhole.ts'
import { hashFile } from './hashFile.ts'

export type AddedModel = {
  id: string
  path: string
  sha256: string
  sizeBytes: number
  root: Hex
  architecture: string
}

/**
 * Checks that the file is a model this engine runs, and adds it to `models.json` of the data directory.
 * @throws {GgufInvalidError} from the reader @throws {ModelFileError}
 */
export async function addModel(options: { file: string; dataFolder: string; name?: string }): Promise<AddedModel> {
  const path = resolve(options.file)
  const { architecture, sizeBytes } = await checkModelFile(path)
  const id = readName(options.name ?? basename(path).replace(/\.gguf$/i, ''))
  const added = { id, path, sha256: await hashFile(path), sizeBytes, root: await rootOfFile(path), architecture }
  const others = listAddedModels(options.dataFolder).filter((model) => model.id !== id)
  if (others.length >= modelsMax)
    throw new ModelFileError({ path, reason: `at most ${modelsMax} models fit in one devnet` })
  writeAddedModels(options.dataFolder, [...others, added])
  return added
}

/** The models added to this data directory, oldest first; files that have gone are left out. */
export function listAddedModels(dataFolder: string): AddedModel[] {
  const file = join(dataFolder, 'models.json')
  if (!existsSync(file)) return []
  const verdict = modelsFile.safeParse(parseText(readFileSync(file, 'utf8')))
  if (!verdict.success) throw new ModelsListError({ file })
  return (verdict.data.models as AddedModel[]).filter(({ path }) => existsSync(path))
}

const modelsFile = z.object({
  models: z.array(z.looseObject({ id: z.string(), path: z.string() })).max(64),
})

function parseText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/**
 * Reads as much of the file as says whether this engine runs it; nothing is loaded.
 * @throws {GgufInvalidError} from the reader @throws {ModelFileError}
 */
export async function checkModelFile(path: string): Promise<ModelInfo> {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) throw new ModelFileError({ path, reason: 'there is no such file' })
  if (!stat.isFile()) throw new ModelFileError({ path, reason: 'it is not a plain file' })
  const source = await openFileSource(path)
  try {
    return (await describeModel(source)).info
  } finally {
    await source.close()
  }
}

function writeAddedModels(dataFolder: string, models: readonly AddedModel[]): void {
  const file = join(dataFolder, 'models.json')
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
  writeWhole(file, `${JSON.stringify({ models }, null, 2)}\n`)
}

function readName(text: string): string {
  const id = text
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .slice(0, 64)
  if (!/^[a-z0-9]/.test(id))
    throw new ModelFileError({
      path: text,
      reason: 'its name has no letter or digit to begin with; give one with --name',
    })
  return id
}

const modelsMax = 4

export class ModelFileError extends WeightlessError {
  constructor(facts: { path: string; reason: string }) {
    super('node/model-file', `This file cannot be served: ${facts.reason}`, facts)
  }
}

export class ModelsListError extends WeightlessError {
  constructor(facts: { file: string }) {
    super('node/models-list', 'The list of added models is damaged.', facts, {
      hint: 'Remove this file, then add the models again; their own files are untouched.',
    })
  }
}
