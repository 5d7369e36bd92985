/** Checks a dataset in the browser before it is sent, in the four forms that providers take, and counts what it may cost. FINETUNING §3 */
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

type LineCheck = { examples: number; tokensMax: number } | { says: string }

export function checkDataset(name: string, bytes: Uint8Array): DatasetCheck {
  if (bytes.length > datasetBytesMax)
    return refuse(undefined, 'The file is larger than the 32 MiB that providers take.')
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return refuse(undefined, 'The file is not UTF-8 text.')
  }
  let examples = 0
  let tokensMax = 0
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const checked = checkLine(line)
    if ('says' in checked) return refuse(at + 1, checked.says)
    examples += checked.examples
    tokensMax += checked.tokensMax
    if (examples > examplesMax) return refuse(at + 1, 'There are more than a million examples.')
  }
  if (examples === 0) return refuse(undefined, 'The file has no examples.')
  return { ok: true, dataset: { name, bytes, examples, tokensMax } }
}

function checkLine(line: string): LineCheck {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    return { says: 'This is not a JSON object on one line.' }
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return { says: 'This is not a JSON object.' }
  const row = json as Record<string, unknown>
  if ('messages' in row) return checkMessages(row.messages)
  if ('prompt' in row || 'completion' in row) return checkTexts(row, 'prompt', 'completion')
  if ('instruction' in row || 'output' in row) return checkTexts(row, 'instruction', 'output', 'input')
  if ('text' in row) {
    if (typeof row.text !== 'string' || row.text === '') return { says: '“text” must be text that is not empty.' }
    return { examples: 1, tokensMax: rowTokens(row.text) }
  }
  return { says: 'None of “messages”, “prompt” with “completion”, “instruction” with “output”, or “text” is here.' }
}

function checkMessages(messages: unknown): LineCheck {
  if (!Array.isArray(messages) || messages.length === 0 || messages.length > 1_024)
    return { says: '“messages” must be a list of 1 to 1024 messages.' }
  let examples = 0
  let tokensMax = 0
  let before = ''
  for (const [at, each] of messages.entries()) {
    const { role, content } = (each ?? {}) as Record<string, unknown>
    if (role !== 'system' && role !== 'user' && role !== 'assistant')
      return { says: `Message ${at + 1} needs the role “system”, “user” or “assistant”.` }
    if (typeof content !== 'string') return { says: `Message ${at + 1} needs its “content” as text.` }
    before += content
    if (role !== 'assistant' || at === 0) continue
    // Each answer is an example of its own, after all that was said before it.
    examples++
    tokensMax += rowTokens(before, at + 1)
  }
  if (examples === 0) return { says: 'No message of the assistant answers one before it: there is nothing to learn.' }
  return { examples, tokensMax }
}

function checkTexts(row: Record<string, unknown>, asked: string, learned: string, optional?: string): LineCheck {
  if (typeof row[asked] !== 'string') return { says: `“${asked}” must be text.` }
  if (typeof row[learned] !== 'string' || row[learned] === '')
    return { says: `“${learned}” must be text that is not empty.` }
  const more = optional ? row[optional] : undefined
  if (more !== undefined && typeof more !== 'string') return { says: `“${optional}” must be text.` }
  return { examples: 1, tokensMax: rowTokens(`${row[asked]}${more ?? ''}${row[learned]}`, 2) }
}

function rowTokens(text: string, messages = 1): number {
  const bytes = new TextEncoder().encode(text).length
  return Math.min(rowTokensMax, bytes + messages * templateTokensMax)
}

function refuse(line: number | undefined, says: string): DatasetCheck {
  return { ok: false, fault: { line, says } }
}
