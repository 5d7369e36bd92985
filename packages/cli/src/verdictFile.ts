/** Verdict files: where they are kept, and reading one that somebody gave. */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { textToBytes, WeightlessError } from '@weightless/codec'
import { verdictFileBytesMax } from '@weightless/compute/wire'
import { hashReceipt } from '@weightless/receipt'
import { parseVerdictFile, type VerdictFile, verdictFileToJson } from '@weightless/sdk'
import { writeWhole } from './writeWhole.ts'

/** By the receipt's id, in the data directory. */
export function verdictPath(dataFolder: string, { receipt, settlement }: VerdictFile): string {
  return join(dataFolder, 'disputes', `${hashReceipt(receipt, settlement)}.json`)
}

/** Returns the full path. @throws {FileNotWrittenError} */
export async function keepVerdict(path: string, verdict: VerdictFile): Promise<string> {
  const target = resolve(path)
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 })
  await writeWhole(target, [textToBytes(`${JSON.stringify(verdictFileToJson(verdict), null, 1)}\n`)], () => undefined)
  return target
}

/** @throws {VerdictFileError} */
export function readVerdict(path: string): VerdictFile {
  if (!existsSync(path)) throw new VerdictFileError({ path, reason: 'there is no such file' })
  if (statSync(path).size > verdictFileBytesMax) throw new VerdictFileError({ path, reason: 'too large for a verdict' })
  const read = parseVerdictFile(readFileSync(path, 'utf8'))
  if (!read.ok) throw new VerdictFileError({ path, reason: read.detail ?? read.code })
  return read.value
}

class VerdictFileError extends WeightlessError {
  constructor(facts: { path: string; reason: string }) {
    super('cli/verdict-file', `This is not a verdict file: ${facts.reason}`, facts)
  }
}
