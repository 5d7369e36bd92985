/** Checks a dataset in the browser before it is sent, by the rules that providers read it by, and counts what it may cost. FINETUNING §3 */
import { readTrainingLines, type TrainingLine } from '@weightless/tensor/train/readTrainingLines'

export type CheckedDataset = {
  name: string
  bytes: Uint8Array
  examples: number
  /** The most tokens that one pass over all examples can have: a token is at least one byte. */
  tokensMax: number
}

export type DatasetFault = { line: number | undefined; says: string }
export type DatasetCheck = { ok: true; dataset: CheckedDataset } | { ok: false; fault: DatasetFault }

export const datasetBytesMax = 32 * 1024 * 1024
const examplesMax = 1_000_000
/** Longer rows are cut: the provider's default of `max_seq_length`. */
const rowTokensMax = 512
/** What a chat template puts around one message, generously. */
const templateTokensMax = 48
/** What follows bare text, which no template is put around. */
const endTokens = 1

export function checkDataset(name: string, bytes: Uint8Array): DatasetCheck {
  if (bytes.length > datasetBytesMax)
    return refuse(undefined, 'The file is larger than the 32 MiB that providers take.')
  let examples = 0
  let tokensMax = 0
  for (const found of readTrainingLines(bytes)) {
    if ('fault' in found) return refuse(found.line, `This line cannot be used: ${found.fault}.`)
    const counted = countLine(found.read)
    examples += counted.examples
    tokensMax += counted.tokensMax
    if (examples > examplesMax) return refuse(found.line, 'There are more than a million examples.')
  }
  if (examples === 0) return refuse(undefined, 'The file has no examples.')
  return { ok: true, dataset: { name, bytes, examples, tokensMax } }
}

function countLine(line: TrainingLine): { examples: number; tokensMax: number } {
  if ('text' in line) return { examples: 1, tokensMax: rowTokens(line.text, endTokens) }
  if ('prompt' in line) return { examples: 1, tokensMax: rowTokens(`${line.prompt}${line.completion}`, endTokens) }
  let examples = 0
  let tokensMax = 0
  let before = ''
  for (const [at, { role, content }] of line.messages.entries()) {
    before += content
    if (role !== 'assistant' || at === 0) continue
    // Each answer is an example of its own, after all that was said before it.
    examples++
    tokensMax += rowTokens(before, (at + 1) * templateTokensMax)
  }
  return { examples, tokensMax }
}

function rowTokens(text: string, furtherTokens: number): number {
  const bytes = new TextEncoder().encode(text).length
  return Math.min(rowTokensMax, bytes + furtherTokens)
}

function refuse(line: number | undefined, says: string): DatasetCheck {
  return { ok: false, fault: { line, says } }
}
