/** What a response asks for beyond one free answer, put as a chat puts it. COMPUTE §4.4, §4.6 */
import type { RequestShape } from '@weightless/receipt'
import { z } from 'zod'
import { type FieldVerdict, refuseField } from './readFields.ts'
import { readShape } from './readShape.ts'

const format = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.object({
    type: z.literal('json_schema'),
    name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
    schema: z.record(z.string(), z.unknown()),
    description: z.string().nullish(),
    strict: z.boolean().nullish(),
  }),
])

/** Parts of the schema of responses. */
export const responsesShapeFields = {
  text: z.strictObject({ format: format.nullish(), verbosity: z.string().nullish() }).nullish(),
}

type Fields = { [Name in keyof typeof responsesShapeFields]?: z.infer<(typeof responsesShapeFields)[Name]> }

type Raw = { text?: { format?: { schema?: unknown } | null } | null }

/** @param body - as it came: what a schema's text is must not depend on what read it */
export function readResponsesShape({ text }: Fields, body: unknown): FieldVerdict<{ shape?: RequestShape }> {
  if ((text?.verbosity ?? 'medium') !== 'medium') {
    return refuseField('unsupported_parameter', "'text.verbosity' is not supported by this provider.", 'text.verbosity')
  }
  const response_format = chatFormat(text?.format, (body as Raw).text?.format?.schema)
  const read = readShape({ response_format }, { response_format })
  if (read.ok || read.error?.param !== 'response_format') return read
  return { ...read, error: { ...read.error, param: 'text.format' } }
}

function chatFormat(asked: z.infer<typeof format> | null | undefined, schema: unknown) {
  if (asked?.type !== 'json_schema') return asked
  return { type: asked.type, json_schema: { name: asked.name, schema: schema as Record<string, unknown> } }
}

/** The settings as a response tells them again. @param body - a request that was read */
export function toldShape(body: unknown) {
  const { text } = body as Raw & Fields
  return { text: { format: toldFormat(text?.format) } }
}

function toldFormat(asked: z.infer<typeof format> | null | undefined) {
  if (asked?.type !== 'json_schema') return { type: asked?.type ?? 'text' }
  const { type, name, description = null, schema, strict = null } = asked
  return { type, name, description, schema, strict }
}
