/** What a chat asks for beyond one free answer: several, a schema, calls of functions. COMPUTE §4.1, §4.5, §4.6 */
import { accept } from '@weightless/codec'
import type { RequestShape } from '@weightless/receipt'
import { choicesMax } from '@weightless/receipt/bundle'
import { checkShape } from '@weightless/tensor/grammar/answerGrammar'
import { schemaLimits } from '@weightless/tensor/grammar/schema/schemaNode'
import { SchemaUnsupportedError } from '@weightless/tensor/grammar/schemaError'
import { toolLimits } from '@weightless/tensor/grammar/toolCalls'
import { z } from 'zod'
import { type FieldVerdict, nestsDeeper, refuseField } from './readFields.ts'

const format = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.object({
    type: z.literal('json_schema'),
    json_schema: z.object({
      name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
      schema: z.record(z.string(), z.unknown()),
      description: z.string().nullish(),
      strict: z.boolean().nullish(),
    }),
  }),
])

const toolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.object({ type: z.literal('function'), function: z.object({ name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/) }) }),
])

/** Parts of the schema of chats. */
export const shapeFields = {
  n: z.int().min(1).max(choicesMax).nullish(),
  response_format: format.nullish(),
  tools: z.array(z.unknown()).max(toolLimits.tools).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
}

type Fields = { [Name in keyof typeof shapeFields]?: z.infer<(typeof shapeFields)[Name]> }

/** @param body - as it came: what a schema's text is must not depend on what read it */
export function readShape(fields: Fields, body: unknown): FieldVerdict<{ shape?: RequestShape }> {
  const raw = body as { response_format?: { json_schema?: { schema?: unknown } }; tools?: unknown }
  const deep = findDeep(raw.response_format?.json_schema?.schema, 'response_format') ?? findDeep(raw.tools, 'tools')
  if (deep) return deep
  const schema = schemaOf(fields.response_format, raw.response_format?.json_schema?.schema)
  const tools = toolsOf(fields, raw.tools)
  if (!tools)
    return refuseField('invalid_value', "'tool_choice' names a function, but there are no tools.", 'tool_choice')
  const shape: RequestShape = { choices: fields.n ?? 1, schema, ...tools }
  try {
    checkShape({ ...shape, tools: '' })
  } catch (fault) {
    return refuseSchema(fault, 'response_format')
  }
  try {
    checkShape({ ...shape, schema: '' })
  } catch (fault) {
    return refuseSchema(fault, 'tools')
  }
  return accept(isFree(shape) ? {} : { shape })
}

const isFree = ({ choices, schema, tools }: RequestShape): boolean => choices === 1 && schema === '' && tools === ''

/** Writing a value as JSON takes a frame of the stack per level, so levels are counted before. */
function findDeep(value: unknown, param: string) {
  if (!nestsDeeper(value, schemaLimits.nesting)) return undefined
  const reason = `nests deeper than ${schemaLimits.nesting} levels`
  return refuseSchema(new SchemaUnsupportedError({ at: param === 'tools' ? param : '', reason }), param)
}

/** RECEIPT §4.3.1 */
export function shapeOf(choices: number): { shape?: RequestShape } {
  return choices === 1 ? {} : { shape: { choices, schema: '', tools: '', toolChoice: '', callsMax: 0 } }
}

function schemaOf(asked: Fields['response_format'], schema: unknown): string {
  if (asked?.type === 'json_schema') return JSON.stringify(schema)
  return asked?.type === 'json_object' ? '{"type":"object"}' : ''
}

type Tools = Pick<RequestShape, 'tools' | 'toolChoice' | 'callsMax'>

const noTools: Tools = { tools: '', toolChoice: '', callsMax: 0 }

/** With `none` the model is not told of them either. */
function toolsOf(
  { tools, tool_choice: choice, parallel_tool_calls: parallel }: Fields,
  raw: unknown,
): Tools | undefined {
  const given = choice ?? 'auto'
  if (!tools?.length) return given === 'none' || given === 'auto' ? noTools : undefined
  if (given === 'none') return noTools
  const toolChoice = typeof given === 'string' ? given : `function:${given.function.name}`
  return { tools: JSON.stringify(raw), toolChoice, callsMax: parallel === false ? 1 : toolLimits.calls }
}

function refuseSchema(fault: unknown, param: string) {
  if (!(fault instanceof SchemaUnsupportedError)) throw fault
  const at = String(fault.facts.at)
  return refuseField('unsupported_parameter', fault.shortMessage, at === 'tool_choice' ? at : param)
}
