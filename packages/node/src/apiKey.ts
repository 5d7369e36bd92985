/** The gateway's API key of a data directory: made once, random, readable by its user alone. */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export function loadApiKey(dataFolder: string): string {
  const file = join(dataFolder, 'api-key')
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()
  const key = `sk-${randomBytes(24).toString('base64url')}`
  writeFileSync(file, `${key}\n`, { mode: 0o600 })
  return key
}
