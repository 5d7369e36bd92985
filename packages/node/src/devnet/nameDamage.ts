/** Services know their own folder only; whoever starts them says the whole path of a damaged file. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { WeightlessError } from '@weightless/codec'

/** Runs `start`, and rethrows a fault about a file below `folder` with its full path. @throws {DataDamagedError} */
export async function nameDamage<Value>(folder: string, start: () => Promise<Value>): Promise<Value> {
  try {
    return await start()
  } catch (error) {
    throw describeDamage(folder, error) ?? error
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
