/** What a response asks for beyond one free answer, put as a chat puts it. COMPUTE §4.4, §4.6 */
import type { RequestShape } from '@weightless/receipt'
import { toolLimits } from '@weightless/tensor/grammar/toolCalls'
import { z } from 'zod'
import { type FieldVerdict, refuseField } from './readFields.ts'
import { readShape } from './readShape.ts'

const name = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/)

const format = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.object({
    type: z.literal('json_schema'),
    name,
    schema: z.record(z.string(), z.unknown()),
    description: z.string().nullish(),
    strict: z.boolean().nullish(),
  }),
])

const toolChoice = z.union([z.enum(['none', 'auto', 'required']), z.object({ type: z.literal('function'), name })])

/** Parts of the schema of responses. */
export const responsesShapeFields = {
  text: z.strictObject({ format: format.nullish(), verbosity: z.string().nullish() }).nullish(),
  tools: z.array(z.unknown()).max(toolLimits.tools).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
}

type Fields = { [Name in keyof typeof responsesShapeFields]?: z.infer<(typeof responsesShapeFields)[Name]> }

type Raw = { text?: { format?: { schema?: unknown } | null } | null; tools?: unknown[] | null }

/** @param body - as it came: what a schema's text is must not depend on what read it */
export function readResponsesShape(fields: Fields, body: unknown): FieldVerdict<{ shape?: RequestShape }> {
  const { text, tool_choice: choice, parallel_tool_calls } = fields
  if ((text?.verbosity ?? 'medium') !== 'medium') {
    return refuseField('unsupported_parameter', "'text.verbosity' is not supported by this provider.", 'text.verbosity')
  }
  const raw = body as Raw
  const response_format = chatFormat(text?.format, raw.text?.format?.schema)
  const tools = raw.tools?.map(chatTool)
  const tool_choice =
    typeof choice === 'object' && choice !== null ? { type: choice.type, function: { name: choice.name } } : choice
  const read = readShape({ response_format, tools, tool_choice, parallel_tool_calls }, { response_format, tools })
  if (read.ok || read.error?.param !== 'response_format') return read
  return { ...read, error: { ...read.error, param: 'text.format' } }
}

function chatFormat(asked: z.infer<typeof format> | null | undefined, schema: unknown) {
  if (asked?.type !== 'json_schema') return asked
  return { type: asked.type, json_schema: { name: asked.name, schema: schema as Record<string, unknown> } }
}

/** What is no function stays what it is, and is refused as in a chat. */
function chatTool(tool: unknown): unknown {
  const { type, ...told } = (tool ?? {}) as Record<string, unknown>
  if (type !== 'function') return tool
  return { type, function: Object.fromEntries(Object.entries(told).filter(([, value]) => value !== null)) }
}

/** The settings as a response tells them again. @param body - a request that was read */
export function toldShape(body: unknown) {
  const { text, tools, tool_choice: choice, parallel_tool_calls: parallel } = body as Fields
  return {
    text: { format: toldFormat(text?.format) },
    tools: tools ?? [],
    tool_choice:
      typeof choice === 'object' && choice !== null ? { type: choice.type, name: choice.name } : (choice ?? 'auto'),
    parallel_tool_calls: parallel ?? true,
  }
}

function toldFormat(asked: z.infer<typeof format> | null | undefined) {
  if (asked?.type !== 'json_schema') return { type: asked?.type ?? 'text' }
  const { type, name, description = null, schema, strict = null } = asked
  return { type, name, description, schema, strict }
}
