/** Reads an answer as the kind that was asked for. */
import type { z } from 'zod'

/** Undefined for what is no such answer: whoever sends that has not answered. */
export function readByKind<Schemas extends Record<string, z.ZodType>, Kind extends keyof Schemas>(
  schemas: Schemas,
  kind: Kind,
  json: unknown,
): z.infer<Schemas[Kind]> | undefined {
  const read = schemas[kind]!.safeParse(json)
  return read.success ? (read.data as z.infer<Schemas[Kind]>) : undefined
}
