/** The keys of a data directory (a gateway's for inference and for management, a provider's for its operator): each made once, random, readable by its user alone, its last digits a checksum. */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import { writeWhole } from './writeWhole.ts'

/** @throws {ApiKeyDamagedError} the file holds something else */
export function loadApiKey(dataFolder: string): string {
  return loadKey(join(dataFolder, 'api-key'), 'sk')
}

/** Makes and revokes the others. @throws {ApiKeyDamagedError} */
export function loadManagementKey(dataFolder: string): string {
  return loadKey(join(dataFolder, 'management-key'), 'mk')
}

/** Opens a provider's status, metrics and drain. @throws {ApiKeyDamagedError} */
export function loadOperatorToken(dataFolder: string): string {
  return loadKey(join(dataFolder, 'operator-token'), 'op')
}

type Prefix = 'sk' | 'mk' | 'op'

function loadKey(file: string, prefix: Prefix): string {
  if (existsSync(file)) return readKey(file, prefix)
  const secret = randomBytes(24).toString('base64url')
  const key = `${prefix}-${secret}${checksum(secret)}`
  writeWhole(file, `${key}\n`)
  return key
}

function readKey(file: string, prefix: Prefix): string {
  const key = readFileSync(file, 'utf8').trim()
  const [, kind, secret, sum] = /^(sk|mk|op)-([A-Za-z0-9_-]{32})([A-Za-z0-9_-]{6})$/.exec(key) ?? []
  if (secret === undefined || kind !== prefix || sum !== checksum(secret)) throw new ApiKeyDamagedError({ file })
  return key
}

/** Six digits, so that a flipped bit is seen at the start and not as a refused key later. */
function checksum(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url').slice(0, 6)
}

export class ApiKeyDamagedError extends WeightlessError {
  constructor(facts: { file: string }) {
    super('node/api-key-damaged', 'The file of the API key is damaged.', facts, {
      hint: 'Remove it to get a new key at the next start; nothing else depends on it.',
    })
  }
}
