/** The input of a response as the messages of a chat; calls of functions belong to the assistant's turn before them. COMPUTE §4.4 */
import type { Message } from '@weightless/receipt'
import { writeToolCall } from '@weightless/tensor/grammar/toolCalls'
import { z } from 'zod'
import { wellFormed } from './readFields.ts'

/** `output_text` and the further fields of what an earlier answer said: it may come back as it was. */
const textPart = z.object({ type: z.enum(['input_text', 'output_text', 'text']), text: wellFormed })
const content = z.union([wellFormed, z.array(textPart).min(1)])
const callId = z.string().max(256)

export const inputItem = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('message').nullish(),
    role: z.enum(['system', 'developer', 'user', 'assistant']),
    content,
  }),
  z.object({ type: z.literal('function_call'), call_id: callId, name: wellFormed, arguments: wellFormed }),
  z.object({ type: z.literal('function_call_output'), call_id: callId, output: content }),
])

export function messagesOf(items: readonly z.infer<typeof inputItem>[]): Message[] {
  const messages: Message[] = []
  for (const item of items) {
    if (item.type === 'function_call_output') messages.push({ role: 'tool', content: textOf(item.output) })
    else if (item.type === 'function_call') addCall(messages, writeToolCall(item))
    // The models served here know no developer; OpenAI itself treats the two alike.
    else messages.push({ role: item.role === 'developer' ? 'system' : item.role, content: textOf(item.content) })
  }
  return messages
}

/** As a chat has them: one message with the text and all calls of a turn. */
function addCall(messages: Message[], call: string): void {
  const last = messages.at(-1)
  if (last?.role !== 'assistant') messages.push({ role: 'assistant', content: call })
  else messages[messages.length - 1] = { ...last, content: last.content === '' ? call : `${last.content}\n${call}` }
}

function textOf(value: z.infer<typeof content>): string {
  return typeof value === 'string' ? value : value.map((part) => part.text).join('')
}
