/** A request of Anthropic's Messages API as a chat of OpenAI's. What has no counterpart is refused, not left out. Spec: COMPUTE §10.9 */
import type { Verdict } from '@weightless/codec'
import { z } from 'zod'

const text = z.object({ type: z.literal('text'), text: z.string() })
const image = z.object({
  type: z.literal('image'),
  source: z.object({ type: z.literal('base64'), media_type: z.string().max(64), data: z.string() }),
})
const toolUse = z.object({ type: z.literal('tool_use'), id: z.string(), name: z.string(), input: z.unknown() })
const toolResult = z.object({
  type: z.literal('tool_result'),
  tool_use_id: z.string(),
  content: z.union([z.string(), z.array(text)]).optional(),
  is_error: z.boolean().optional(),
})
const block = z.discriminatedUnion('type', [text, image, toolUse, toolResult])
const tool = z.object({
  type: z.literal('custom').optional(),
  name: z.string().min(1).max(128),
  description: z.string().optional(),
  input_schema: z.record(z.string(), z.unknown()),
})

const schema = z.strictObject({
  model: z.string().min(1).max(256),
  messages: z
    .array(z.object({ role: z.enum(['user', 'assistant']), content: z.union([z.string(), z.array(block).min(1)]) }))
    .min(1)
    .max(1_024),
  max_tokens: z.int().min(1),
  system: z.union([z.string(), z.array(text)]).optional(),
  stop_sequences: z.array(z.string().min(1)).max(4).optional(),
  stream: z.boolean().optional(),
  temperature: z.number().min(0).max(1).optional(),
  top_p: z.number().gt(0).max(1).optional(),
  tools: z.array(tool).max(128).optional(),
  tool_choice: z
    .object({
      type: z.enum(['auto', 'any', 'none', 'tool']),
      name: z.string().optional(),
      disable_parallel_tool_use: z.boolean().optional(),
    })
    .optional(),
  /** Bookkeeping of theirs, without effect. */
  metadata: z.unknown().optional(),
  service_tier: z.unknown().optional(),
  /** Ours: whom to ask. */
  provider: z.unknown().optional(),
})

type Messages = z.infer<typeof schema>
type Block = z.infer<typeof block>

/** The body of a chat request. `detail` of a refusal names the field. */
export function readMessages(body: unknown): Verdict<{ chat: Record<string, unknown>; stream: boolean }> {
  const read = schema.safeParse(body)
  if (!read.success) {
    const issue = read.error.issues[0]!
    return {
      ok: false,
      code: 'invalid_value',
      action: 'reject',
      detail: `${issue.path.join('.') || 'body'}: ${issue.message}`,
    }
  }
  const { data } = read
  const chat = {
    model: data.model,
    messages: [...systemOf(data.system), ...data.messages.flatMap(messagesOf)],
    max_tokens: data.max_tokens,
    temperature: data.temperature,
    top_p: data.top_p,
    stop: data.stop_sequences?.length ? data.stop_sequences : undefined,
    ...toolsOf(data),
    ...(data.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    provider: data.provider,
  }
  return { ok: true, value: { chat, stream: data.stream ?? false } }
}

function systemOf(system: Messages['system']) {
  if (system === undefined || system.length === 0) return []
  return [{ role: 'system', content: typeof system === 'string' ? system : system.map((part) => part.text).join('\n') }]
}

/** Results of tools are messages of their own there, and come before what the user says. */
function messagesOf({ role, content }: Messages['messages'][number]): Record<string, unknown>[] {
  if (typeof content === 'string') return [{ role, content }]
  const results = content.filter((each) => each.type === 'tool_result').map(resultOf)
  const uses = content.filter((each) => each.type === 'tool_use')
  const said = content.filter((each) => each.type === 'text' || each.type === 'image')
  const messages: Record<string, unknown>[] = [...results]
  if (said.length === 0 && uses.length === 0) return messages
  const calls = uses.map(({ id, name, input }) => ({
    id,
    type: 'function',
    function: { name, arguments: JSON.stringify(input ?? {}) },
  }))
  const parts = said.map(partOf)
  const plain = said.every(({ type }) => type === 'text')
  const spoken = plain ? said.map((part) => (part.type === 'text' ? part.text : '')).join('') : parts
  messages.push({
    role,
    content: said.length === 0 ? null : spoken,
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  })
  return messages
}

function resultOf({ tool_use_id, content = '', is_error }: Extract<Block, { type: 'tool_result' }>) {
  const said = typeof content === 'string' ? content : content.map((part) => part.text).join('\n')
  return { role: 'tool', tool_call_id: tool_use_id, content: is_error ? `Error: ${said}` : said }
}

function partOf(part: Block) {
  if (part.type !== 'image') return { type: 'text', text: part.type === 'text' ? part.text : '' }
  const { media_type, data } = part.source
  return { type: 'image_url', image_url: { url: `data:${media_type};base64,${data}` } }
}

function toolsOf({ tools, tool_choice }: Messages): Record<string, unknown> {
  if (!tools || tools.length === 0) return {}
  const functions = tools.map(({ name, description, input_schema }) => ({
    type: 'function',
    function: { name, description, parameters: input_schema },
  }))
  if (!tool_choice) return { tools: functions }
  const { type, name, disable_parallel_tool_use } = tool_choice
  const choices = { auto: 'auto', any: 'required', none: 'none', tool: { type: 'function', function: { name } } }
  return {
    tools: functions,
    tool_choice: choices[type],
    ...(disable_parallel_tool_use ? { parallel_tool_calls: false } : {}),
  }
}
