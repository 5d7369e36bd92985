/**
 * What training data may look like: JSON lines in four forms, each line read into what is said and what is learnt. The trainer,
 * the fine-tuning service and the console all read by this one definition. Pure. Spec: spec/training.md §1.1.
 */

export type TrainingMessage = { role: 'system' | 'user' | 'assistant'; content: string }

/** A conversation, of which the assistant's answers are learnt; a text learnt after its beginning; a text learnt whole. */
export type TrainingLine = { messages: TrainingMessage[] } | { prompt: string; completion: string } | { text: string }

/** Lines are counted from 1. `fault` names what is wrong and quotes nothing. */
export type ReadLine = { line: number; read: TrainingLine } | { line: number; fault: string }

export const trainingLineBytesMax = 1 << 20
const messagesMax = 1_024
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Empty lines are passed over. Whoever reads stops at the first fault. */
export function* readTrainingLines(file: Uint8Array): Generator<ReadLine> {
  let line = 0
  for (let start = 0; start < file.length; ) {
    const found = file.indexOf(10, start)
    const end = found < 0 ? file.length : found
    line++
    const bytes = file.subarray(start, end)
    start = end + 1
    if (bytes.every((byte) => byte === 32 || byte === 9 || byte === 13)) continue
    const read = bytes.length > trainingLineBytesMax ? 'it is longer than 1 MiB' : readLine(bytes)
    yield typeof read === 'string' ? { line, fault: read } : { line, read }
  }
}

/** What the line says, or what is wrong with it. */
function readLine(bytes: Uint8Array): TrainingLine | string {
  let json: unknown
  try {
    json = JSON.parse(utf8.decode(bytes))
  } catch {
    return 'it is not JSON in UTF-8'
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'it is not a JSON object'
  const record = json as Record<string, unknown>
  if ('messages' in record) return readMessages(record.messages)
  if ('prompt' in record || 'completion' in record) {
    const { prompt, completion } = record
    return (
      findTextFault({ prompt }) ??
      findTextFault({ completion }, 'filled') ?? { prompt: prompt as string, completion: completion as string }
    )
  }
  if ('instruction' in record || 'output' in record) return readInstruction(record)
  if ('text' in record) return findTextFault({ text: record.text }, 'filled') ?? { text: record.text as string }
  return 'it has none of “messages”, “prompt” with “completion”, “instruction” with “output”, or “text”'
}

/** The question is the instruction, and after an empty line the input, if there is any. */
function readInstruction({ instruction, input, output }: Record<string, unknown>): TrainingLine | string {
  const more = input ?? ''
  const fault = findTextFault({ instruction }) ?? findTextFault({ input: more }) ?? findTextFault({ output }, 'filled')
  if (fault) return fault
  const question = more === '' ? (instruction as string) : `${instruction}\n\n${more}`
  return {
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: output as string },
    ],
  }
}

function readMessages(value: unknown): TrainingLine | string {
  if (!Array.isArray(value) || value.length === 0 || value.length > messagesMax) {
    return '“messages” is not a list of 1 to 1024 messages'
  }
  const messages: TrainingMessage[] = []
  for (const [at, message] of value.entries()) {
    const { role, content } = (message ?? {}) as Record<string, unknown>
    if (role !== 'system' && role !== 'user' && role !== 'assistant') {
      return `message ${at + 1} has not the role “system”, “user” or “assistant”`
    }
    if (typeof content !== 'string') return `the “content” of message ${at + 1} is not text`
    messages.push({ role, content })
  }
  const isAnswered = messages.some(({ role }, at) => role === 'assistant' && at > 0)
  return isAnswered ? { messages } : 'no message of the assistant answers one before it, so there is nothing to learn'
}

function findTextFault(field: Record<string, unknown>, least: 'any' | 'filled' = 'any'): string | undefined {
  const [[name, value]] = Object.entries(field) as [[string, unknown]]
  if (typeof value !== 'string') return `“${name}” is not text`
  return least === 'filled' && value === '' ? `“${name}” is empty` : undefined
}
