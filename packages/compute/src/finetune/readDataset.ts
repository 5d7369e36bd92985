/** A dataset as examples: each answer of a conversation is one of its own, after all that was said before it. Spec: FINETUNING §3. */
import { accept, reject, type Verdict } from '@weightless/codec'
import { readTrainingLines, type TrainingMessage } from '@weightless/tensor'

/** A conversation whose last message, the assistant's, is learned; or a text that is learned after its beginning. */
export type TrainingExample = { messages: TrainingMessage[] } | { prompt: string; completion: string }

const datasetRowsMax = 1_000_000

/** Reasons name the line, never what stands in it. */
export function readDataset(bytes: Uint8Array): Verdict<TrainingExample[], 'invalid_dataset'> {
  const examples: TrainingExample[] = []
  for (const found of readTrainingLines(bytes)) {
    if ('fault' in found) return reject('invalid_dataset', `line ${found.line} cannot be used: ${found.fault}`)
    const { read } = found
    if ('messages' in read) examples.push(...turnsOf(read.messages))
    else examples.push('text' in read ? { prompt: '', completion: read.text } : read)
    if (examples.length > datasetRowsMax) return reject('invalid_dataset', `more than ${datasetRowsMax} examples`)
  }
  return examples.length > 0 ? accept(examples) : reject('invalid_dataset', 'the dataset has no examples')
}

function turnsOf(messages: TrainingMessage[]): TrainingExample[] {
  return messages.flatMap(({ role }, at) =>
    role === 'assistant' && at > 0 ? [{ messages: messages.slice(0, at + 1) }] : [],
  )
}
