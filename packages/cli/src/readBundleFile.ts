/** A bundle from a file that somebody gave. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { type Verdict, WeightlessError } from '@weightless/codec'
import { type Bundle, bundleBytesMax, parseBundle } from '@weightless/receipt'
import { isTrainingJson, readTrainingBundle, type TrainingBundle } from '@weightless/receipt/training'

/** Of an answer. @throws {BundleFileError} */
export function readBundleFile(path: string): Bundle {
  return need(path, parseBundle(readText(path)))
}

/** Of an answer or of a training. @throws {BundleFileError} */
export function readAnyBundleFile(path: string): Bundle | TrainingBundle {
  const text = readText(path)
  return need<Bundle | TrainingBundle>(path, readTraining(text) ?? parseBundle(text))
}

export const isTraining = (bundle: Bundle | TrainingBundle): bundle is TrainingBundle =>
  'kind' in bundle.opening && bundle.opening.kind === 'training'

function readText(path: string): string {
  if (!existsSync(path)) throw new BundleFileError({ path, reason: 'there is no such file' })
  if (statSync(path).size > bundleBytesMax) throw new BundleFileError({ path, reason: 'too large for a bundle' })
  return readFileSync(path, 'utf8')
}

/** Undefined for what is about no training, or is no JSON. */
function readTraining(text: string): ReturnType<typeof readTrainingBundle> | undefined {
  try {
    const json: unknown = JSON.parse(text)
    return isTrainingJson(json) ? readTrainingBundle(json) : undefined
  } catch {
    // `parseBundle` says what is wrong with it.
    return undefined
  }
}

function need<Read>(path: string, verdict: Verdict<Read, string>): Read {
  if (!verdict.ok) throw new BundleFileError({ path, reason: verdict.detail ?? verdict.code })
  return verdict.value
}

export class BundleFileError extends WeightlessError {
  constructor(facts: { path: string; reason: string }) {
    super('cli/bundle-file', `This is not a receipt bundle: ${facts.reason}`, facts)
  }
}
