/** The worker of `openTokenCounter`: one tokenizer, texts in, counts out. */
import type { TaskPort } from '@weightless/env'
import { bytesSource, readGguf, type Tokenizer } from '@weightless/tensor'
import { createTokenizer, readTokenizer } from '@weightless/tensor/tokenizer/readTokenizer'
import type { CounterMessage } from './openTokenCounter.ts'
import { readTokenizerJson } from './readTokenizerJson.ts'

/** The worker's main: see `Tasks.open`. */
export default async function countTokens(port: TaskPort, input: unknown): Promise<void> {
  const send = (message: CounterMessage) => port.send(message)
  let tokenizer: Tokenizer
  try {
    tokenizer = await openTokenizer(input as Uint8Array)
  } catch (fault) {
    return send({ kind: 'failed', reason: fault instanceof Error ? fault.message : String(fault) })
  }
  send({ kind: 'ready' })
  for await (const message of port.messages) {
    const { id, text } = message as { id: number; text: string }
    send({ kind: 'counted', id, tokens: tokenizer.encode(text, { special: false }).length })
  }
}

async function openTokenizer(file: Uint8Array): Promise<Tokenizer> {
  const isGguf = file[0] === 0x47 && file[1] === 0x47 && file[2] === 0x55 && file[3] === 0x46
  return isGguf ? readTokenizer(await readGguf(bytesSource(file))) : createTokenizer(readTokenizerJson(file))
}
