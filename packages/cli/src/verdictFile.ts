/** Verdict files: where they are kept, and reading one that somebody gave. */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { textToBytes, type Verdict, WeightlessError } from '@weightless/codec'
import {
  isTrainingVerdict,
  parseTrainingVerdict,
  type TrainingVerdictFile,
  trainingVerdictBytesMax,
  trainingVerdictToJson,
  verdictFileBytesMax,
} from '@weightless/compute/wire'
import { hashReceipt } from '@weightless/receipt'
import { parseVerdictFile, type VerdictFile, verdictFileToJson } from '@weightless/sdk'
import { writeWhole } from './writeWhole.ts'

/** By the receipt's id, in the data directory. */
export function verdictPath(
  dataFolder: string,
  { receipt, settlement }: Pick<VerdictFile, 'receipt' | 'settlement'>,
): string {
  return join(dataFolder, 'disputes', `${hashReceipt(receipt, settlement)}.json`)
}

/** Returns the full path. @throws {FileNotWrittenError} */
export function keepVerdict(path: string, verdict: VerdictFile): Promise<string> {
  return keep(path, verdictFileToJson(verdict))
}

export function trainingVerdictPath(dataFolder: string, { bundle }: TrainingVerdictFile): string {
  return verdictPath(dataFolder, bundle)
}

/** Returns the full path. @throws {FileNotWrittenError} */
export function keepTrainingVerdict(path: string, verdict: TrainingVerdictFile): Promise<string> {
  return keep(path, trainingVerdictToJson(verdict))
}

async function keep(path: string, json: unknown): Promise<string> {
  const target = resolve(path)
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 })
  await writeWhole(target, [textToBytes(`${JSON.stringify(json, null, 1)}\n`)], () => undefined)
  return target
}

/** About an answer. @throws {VerdictFileError} */
export function readVerdict(path: string): VerdictFile {
  return need(path, parseVerdictFile(readText(path, verdictFileBytesMax)))
}

/** About an answer or a training. @throws {VerdictFileError} */
export function readAnyVerdict(path: string): VerdictFile | TrainingVerdictFile {
  const text = readText(path, trainingVerdictBytesMax)
  return need<VerdictFile | TrainingVerdictFile>(
    path,
    isAboutTraining(text) ? parseTrainingVerdict(text) : parseVerdictFile(text),
  )
}

/** What is no JSON is told by the parser that reads it then. */
function isAboutTraining(text: string): boolean {
  try {
    return isTrainingVerdict(JSON.parse(text))
  } catch {
    return false
  }
}

function readText(path: string, bytesMax: number): string {
  if (!existsSync(path)) throw new VerdictFileError({ path, reason: 'there is no such file' })
  if (statSync(path).size > bytesMax) throw new VerdictFileError({ path, reason: 'too large for a verdict' })
  return readFileSync(path, 'utf8')
}

function need<Read>(path: string, read: Verdict<Read, string>): Read {
  if (!read.ok) throw new VerdictFileError({ path, reason: read.detail ?? read.code })
  return read.value
}

class VerdictFileError extends WeightlessError {
  constructor(facts: { path: string; reason: string }) {
    super('cli/verdict-file', `This is not a verdict file: ${facts.reason}`, facts)
  }
}
