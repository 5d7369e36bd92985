/** Services know their own folder only; whoever starts them says the whole path of a damaged file, and what a foreign chain means. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DataFolderForeignError } from '@weightless/chain'
import { WeightlessError } from '@weightless/codec'

/**
 * Runs `start`, and rethrows a fault about a file below `folder` with its full path.
 * @throws {DataDamagedError | OtherGenesisError}
 */
export async function nameDamage<Value>(folder: string, start: () => Promise<Value>): Promise<Value> {
  try {
    return await start()
  } catch (error) {
    throw describeDamage(folder, error) ?? describeGenesis(folder, error) ?? error
  }
}

function describeDamage(folder: string, error: unknown): DataDamagedError | undefined {
  if (!(error instanceof WeightlessError) || !damageCodes.has(error.code)) return undefined
  const { path, file, offset, reason } = error.facts
  const name = path ?? file
  if (typeof name !== 'string') return undefined
  return new DataDamagedError(
    {
      file: locate(folder, name),
      offset: typeof offset === 'number' ? offset : undefined,
      reason: typeof reason === 'string' ? reason : 'it does not hold what was written',
    },
    error,
  )
}

/** The contracts are in the first block: a version that has them elsewhere cannot go on with the chain. */
function describeGenesis(folder: string, error: unknown): OtherGenesisError | undefined {
  if (!(error instanceof DataFolderForeignError) || error.facts.what !== 'genesis block') return undefined
  const { stored, wanted } = error.facts
  return new OtherGenesisError({ folder: resolve(folder, '..'), stored: String(stored), wanted: String(wanted) }, error)
}

/** The path as told may begin at the folder of the service, or at the data directory above it. */
function locate(folder: string, name: string): string {
  const below = join(folder, name)
  const beside = resolve(folder, '..', name)
  return !existsSync(below) && existsSync(beside) ? beside : below
}

const damageCodes = new Set(['store/log-corrupt', 'chain/data-corrupt'])

export class DataDamagedError extends WeightlessError {
  constructor(facts: { file: string; offset: number | undefined; reason: string }, cause: unknown) {
    super('node/data-damaged', 'A file of the data directory is damaged.', facts, {
      cause,
      hint: 'Restore it from a copy, or begin anew with `weightless reset` or another --data-dir.',
    })
  }
}

export class OtherGenesisError extends WeightlessError {
  /** @param facts - hashes of the first block: the folder's, and this version's */
  constructor(facts: { folder: string; stored: string; wanted: string }, cause: unknown) {
    super('node/other-genesis', genesisMessage, facts, {
      cause,
      hint:
        'To keep it, start in another folder (--data-dir), or go on with it in the version that made it; ' +
        '`weightless reset` removes it for good.',
    })
  }
}

const genesisMessage =
  'The devnet in this data directory was made by a version whose genesis differs, with contracts at other addresses. ' +
  'It cannot go on in this version; nothing that it holds was changed.'
