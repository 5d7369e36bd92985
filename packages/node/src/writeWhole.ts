/** A file for its user alone that is there whole or not at all, whatever happens while it is written. */
import { renameSync, writeFileSync } from 'node:fs'

export function writeWhole(path: string, content: string | Uint8Array): void {
  writeFileSync(`${path}.new`, content, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
