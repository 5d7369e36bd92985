/** A dataset of examples, one JSON object a line, in the four forms that people have. Spec: FINETUNING §3. */
import { accept, bytesToText, reject, type Verdict } from '@weightless/codec'
import { z } from 'zod'

export type TrainingMessage = { role: 'system' | 'user' | 'assistant'; content: string }

/** A conversation whose last message, the assistant's, is learned; or a text that is learned after its beginning. */
export type TrainingExample = { messages: TrainingMessage[] } | { prompt: string; completion: string }

const text = z.string()
const message = z.object({ role: z.enum(['system', 'user', 'assistant']), content: text })
const forms = z.union([
  z.object({ messages: z.array(message).min(1).max(1_024) }),
  z.object({ prompt: text, completion: text.min(1) }),
  z.object({ instruction: text, input: text.optional(), output: text.min(1) }),
  z.object({ text: text.min(1) }),
])

export const datasetRowsMax = 1_000_000

/** Reasons name the line, never what stands in it. */
export function readDataset(bytes: Uint8Array): Verdict<TrainingExample[], 'invalid_dataset'> {
  let lines: string[]
  try {
    lines = bytesToText(bytes).split('\n')
  } catch {
    return reject('invalid_dataset', 'the dataset is not UTF-8 text')
  }
  const examples: TrainingExample[] = []
  for (const [at, line] of lines.entries()) {
    if (line.trim() === '') continue
    const read = readLine(line)
    if (!read) return reject('invalid_dataset', `line ${at + 1} is none of the known forms`)
    examples.push(...read)
    if (examples.length > datasetRowsMax) return reject('invalid_dataset', `more than ${datasetRowsMax} examples`)
  }
  return examples.length > 0 ? accept(examples) : reject('invalid_dataset', 'the dataset has no examples')
}

function readLine(line: string): TrainingExample[] | undefined {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    return undefined
  }
  const { success, data } = forms.safeParse(json)
  if (!success) return undefined
  if ('messages' in data) return turnsOf(data.messages)
  if ('text' in data) return [{ prompt: '', completion: data.text }]
  if ('completion' in data) return [data]
  const content = data.input ? `${data.instruction}\n${data.input}` : data.instruction
  return [
    {
      messages: [
        { role: 'user', content },
        { role: 'assistant', content: data.output },
      ],
    },
  ]
}

/** Each answer of a conversation is an example of its own, after all that was said before it: so it will be asked for. */
function turnsOf(messages: TrainingMessage[]): TrainingExample[] | undefined {
  const turns = messages.flatMap(({ role }, at) =>
    role === 'assistant' && at > 0 ? [{ messages: messages.slice(0, at + 1) }] : [],
  )
  return turns.length > 0 ? turns : undefined
}
