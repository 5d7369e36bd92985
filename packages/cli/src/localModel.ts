/** A model file that a provider runs itself: the flags of `provider start` that say which file, by which engine, with what of the machine. */
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isHexOf, WeightlessError } from '@weightless/codec'
import type { LlamaSource, WeightsSource } from '@weightless/node/computeProvider/engineSource'
import { requireEngine } from '@weightless/node/llama/engineFolder'
import type { Client } from '@weightless/sdk'
import { type Command, Option } from 'commander'
import { withClient } from './connect.ts'
import { createProgressBar } from './progressBar.ts'
import { wholeNumber } from './readNumber.ts'
import { writeWhole } from './writeWhole.ts'

export type LocalModelFlags = {
  gguf?: string
  engine?: 'exact' | 'llama'
  parallel?: number
  threads?: number
  gpu: boolean
  context?: number
  /** Where the file with that root is looked for. */
  network?: string
}

export function addLocalModelFlags(command: Command): Command {
  return command
    .option('--gguf <file|root>', 'or: a GGUF, as a file or by its root in the storage network, for --engine')
    .addOption(
      new Option(
        '--engine <name>',
        'exact (embedded, re-executable) or llama (any GGUF; see `weightless engine add llama`)',
      )
        .choices(['exact', 'llama'])
        .default(undefined, 'exact'),
    )
    .option('--parallel <n>', 'llama: answers at once; 4 by default', wholeNumber({ min: 1, max: 64 }))
    .option('--threads <n>', 'llama: threads; all cores but one by default', wholeNumber({ min: 1, max: 256 }))
    .option('--no-gpu', 'llama: the processor alone, where the engine has a GPU')
}

/**
 * Undefined where the flags name no such model. A root is fetched first, every segment checked, and kept.
 * @throws {LocalModelError} {EngineMissingError}
 */
export async function readLocalModel(
  flags: LocalModelFlags,
  dataDir: string,
  command: Command,
): Promise<LlamaSource | WeightsSource | undefined> {
  const { gguf, engine = 'exact', parallel, threads, gpu, context } = flags
  if (gguf === undefined) {
    if (flags.engine !== undefined || parallel !== undefined || threads !== undefined)
      throw new LocalModelError({ reason: '--engine, --parallel and --threads go with --gguf' })
    return undefined
  }
  if (engine === 'exact') {
    if (parallel !== undefined || threads !== undefined)
      throw new LocalModelError({ reason: '--parallel and --threads go with --engine llama' })
    return { weightsFile: await fileOf(flags, dataDir, command) }
  }
  const installed = requireEngine(dataDir, 'llama')
  const hasGpu = installed.gpu !== 'none' || installed.packages.some((name) => name.endsWith('-metal'))
  return {
    gguf: await fileOf(flags, dataDir, command),
    engineFolder: installed.folder,
    parallel: parallel ?? 4,
    gpu: gpu && hasGpu,
    ...(threads && { threads }),
    ...(context && { contextLength: context }),
  }
}

async function fileOf({ gguf = '', network }: LocalModelFlags, dataDir: string, command: Command): Promise<string> {
  if (!isHexOf(gguf, 32)) {
    if (!existsSync(gguf)) throw new LocalModelError({ reason: `there is no file ${gguf}` })
    return resolve(gguf)
  }
  const folder = join(resolve(dataDir), 'models')
  const path = join(folder, `${gguf.toLowerCase()}.gguf`)
  if (existsSync(path)) return path
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const fetchRoot = async (client: Client): Promise<void> => {
    const bar = createProgressBar('fetching the model')
    const file = await client.files.open(gguf)
    let doneBytes = 0
    await writeWhole(path, file.stream(), (bytes) => {
      doneBytes += bytes
      bar.update(doneBytes, file.sizeBytes)
    }).finally(() => bar.finish())
  }
  await withClient(command, fetchRoot, network)
  return path
}

export class LocalModelError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('cli/local-model', `This model cannot be run here: ${facts.reason}.`, facts)
  }
}
