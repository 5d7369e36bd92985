/** A command that a person can copy into the shell, with the data directory where it is not the one that is looked in anyway. */
import { resolve } from 'node:path'

export const dataDirDefault = '.weightless'

export function commandLine(words: string, dataDir: string): string {
  const isDefault = resolve(dataDir) === resolve(dataDirDefault)
  return `npx weightless ${words}${isDefault ? '' : ` --data-dir ${inQuotes(dataDir)}`}`
}

/** Only where the shell would read it as something else. */
export function inQuotes(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
