/** The messages of a chat as roles and texts; calls of functions in the words in which models make them. COMPUTE §4.1, §4.6 */
import type { Message } from '@weightless/receipt'
import { writeToolCall } from '@weightless/tensor/grammar/toolCalls'
import { z } from 'zod'
import { wellFormed } from './readFields.ts'

const textPart = z.object({ type: z.literal('text'), text: wellFormed })
const content = z.union([wellFormed, z.array(textPart).min(1)])
const name = z.string().nullish()

const toolCall = z.object({
  id: z.string().max(256),
  type: z.literal('function'),
  function: z.object({ name: wellFormed, arguments: wellFormed }),
})

const assistant = z
  .object({
    role: z.literal('assistant'),
    content: content.nullish(),
    tool_calls: z.array(toolCall).min(1).max(64).nullish(),
    name,
  })
  .refine((message) => Boolean(message.tool_calls) || (message.content ?? undefined) !== undefined, {
    path: ['content'],
    message: 'is missing',
  })

export const chatMessage = z.discriminatedUnion('role', [
  z.object({ role: z.enum(['system', 'developer', 'user']), content, name }),
  assistant,
  z.object({ role: z.literal('tool'), content, tool_call_id: z.string().max(256) }),
])

export function messageOf(message: z.infer<typeof chatMessage>): Message {
  const text = textOf(message.content)
  // The models served here know no developer; OpenAI itself treats the two alike.
  if (message.role === 'developer') return { role: 'system', content: text }
  if (message.role !== 'assistant' || !message.tool_calls) return { role: message.role, content: text }
  const calls = message.tool_calls.map((call) => writeToolCall(call.function))
  return { role: 'assistant', content: [...(text === '' ? [] : [text]), ...calls].join('\n') }
}

function textOf(value: z.infer<typeof content> | null | undefined): string {
  if (typeof value === 'string') return value
  return (value ?? []).map((part) => part.text).join('')
}
