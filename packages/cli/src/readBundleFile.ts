/** A bundle from a file that somebody gave. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { WeightlessError } from '@weightless/codec'
import { type Bundle, bundleBytesMax, parseBundle } from '@weightless/receipt'

/** @throws {BundleFileError} */
export function readBundleFile(path: string): Bundle {
  if (!existsSync(path)) throw new BundleFileError({ path, reason: 'there is no such file' })
  if (statSync(path).size > bundleBytesMax) throw new BundleFileError({ path, reason: 'too large for a bundle' })
  const verdict = parseBundle(readFileSync(path, 'utf8'))
  if (!verdict.ok) throw new BundleFileError({ path, reason: verdict.detail ?? verdict.code })
  return verdict.value
}

export class BundleFileError extends WeightlessError {
  constructor(facts: { path: string; reason: string }) {
    super('cli/bundle-file', `This is not a receipt bundle: ${facts.reason}`, facts)
  }
}
