/** Reads the fields of a JSON body: what is not understood is refused by name, never left out in silence. Spec: COMPUTE §4.1 */
import { accept, type Verdict } from '@weightless/codec'
import { z } from 'zod'
import type { ApiError, ApiErrorCode } from './apiError.ts'

export type FieldVerdict<T> = Verdict<T> & { error?: ApiError }

export type FieldRules = {
  /** Fields that are not built: accepted with a value that changes nothing, else refused. */
  neutral: Readonly<Record<string, (value: unknown) => boolean>>
  /** The field that holds texts, where something else than text may stand. */
  contentField: string
}

export const wellFormed = z.string().refine((text) => text.isWellFormed(), 'must be well-formed Unicode')

/** Fields that concern bookkeeping at other services; accepted without effect. */
const withoutEffect = new Set(['user', 'metadata', 'service_tier', 'safety_identifier', 'prompt_cache_key', 'provider'])

/** No field but those of schemas needs more than six. */
const levelsMax = 64
/** They hold schemas, whose own limit `readShape` keeps. */
const mayNest = new Set(['response_format', 'tools', 'text'])

export function readFields<Shape extends z.ZodRawShape>(
  body: unknown,
  schema: z.ZodObject<Shape>,
  rules: FieldRules,
): FieldVerdict<z.infer<z.ZodObject<Shape>>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return refuseField('invalid_request', 'The body must be a JSON object.')
  }
  const fields = body as Record<string, unknown>
  for (const [name, value] of Object.entries(fields)) {
    if (Object.hasOwn(schema.shape, name) || withoutEffect.has(name) || value === null || value === undefined) continue
    const harmless = Object.hasOwn(rules.neutral, name) ? rules.neutral[name] : undefined
    if (!harmless) return refuseField('unknown_parameter', `Unrecognized request argument supplied: ${name}`, name)
    if (!harmless(value)) {
      return refuseField('unsupported_parameter', `'${name}' is not supported by this provider.`, name)
    }
  }
  // Answers tell some of it again, and a gateway writes it anew: both take a frame of the stack per level.
  const deep = Object.keys(fields).find((name) => !mayNest.has(name) && nestsDeeper(fields[name], levelsMax))
  if (deep !== undefined) return refuseField('invalid_value', `'${deep}' nests deeper than ${levelsMax} levels.`, deep)
  const parsed = schema.safeParse(body)
  return parsed.success ? accept(parsed.data) : refuseInvalid(parsed.error, fields, rules)
}

/** Without recursion, for what would overflow the stack. */
export function nestsDeeper(value: unknown, levels: number): boolean {
  let level = [value].filter(isNested)
  for (let depth = 0; level.length > 0; depth++) {
    if (depth >= levels) return true
    level = level.flatMap((inside) => Object.values(inside)).filter(isNested)
  }
  return false
}

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null

function refuseInvalid(error: z.ZodError, body: Record<string, unknown>, { contentField }: FieldRules) {
  const issue = error.issues[0]
  const param = issue?.path.join('.') ?? ''
  const first = issue?.path[0]
  const present = typeof first === 'string' && body[first] !== undefined
  if (first === contentField && param.includes('content')) {
    return refuseField('unsupported_content', `${param}: only text is supported.`, param)
  }
  const message = present
    ? `Invalid value for '${param}': ${issue?.message}`
    : `Missing required parameter: '${param}'.`
  return refuseField('invalid_value', message, param)
}

type Refusal = { ok: false; code: ApiErrorCode; action: 'reject'; detail: string; error: ApiError }

export function refuseField(code: ApiErrorCode, message: string, param?: string): Refusal {
  return { ok: false, code, action: 'reject', detail: message, error: { code, message, ...(param ? { param } : {}) } }
}
