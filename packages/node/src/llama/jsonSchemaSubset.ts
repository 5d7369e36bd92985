/**
 * JSON Schemas that the library's grammars keep to. Whatever it would pass over in silence (bounds of numbers, patterns …) is
 * refused by name; what only narrows (all properties required) is not. Bounded, because a schema comes from a stranger.
 */

type Json = Readonly<Record<string, unknown>>

export type SchemaVerdict = { ok: true; schema: object } | { ok: false; reason: string }

const depthMax = 32
const nodesMax = 512
/** Of counts: the grammar repeats its rules as often. */
const countMax = 256
const textCharactersMax = 4_096

const counts = ['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties']
const allowed = new Set([
  ...['type', 'properties', 'required', 'additionalProperties', 'items', 'prefixItems', 'enum', 'const', 'oneOf'],
  ...['anyOf', '$ref', '$defs', 'format', ...counts],
])
/** Words without effect on what is valid. */
const remarks = new Set(['title', 'description', '$schema', '$id', '$comment', 'default', 'examples', 'deprecated'])
const plainTypes = ['string', 'number', 'integer', 'boolean', 'null']
const formats = ['date-time', 'time', 'date']

export function readJsonSchema(value: unknown): SchemaVerdict {
  let nodes = 0
  const definitions = isObject(value) && isObject(value.$defs) ? Object.keys(value.$defs) : []

  /** The schema in the words that the library knows. @throws {SchemaFault} */
  function visit(node: unknown, depth: number): Json {
    if (depth > depthMax || ++nodes > nodesMax) throw new SchemaFault('it is too large')
    if (!isObject(node)) throw new SchemaFault('a schema in it is not an object')
    const unknown = Object.keys(node).find((key) => !allowed.has(key) && !remarks.has(key))
    if (unknown !== undefined) throw new SchemaFault(`'${unknown.slice(0, 64)}' is not supported`)
    if (depth > 0 && node.$defs !== undefined) throw new SchemaFault("'$defs' belongs at its root")
    const kept = Object.fromEntries(Object.entries(node).filter(([key]) => !remarks.has(key) && key !== 'required'))
    checkWords(node, definitions)
    const { anyOf, oneOf = anyOf, ...rest } = kept
    return {
      ...rest,
      ...(oneOf !== undefined && { oneOf: list(oneOf).map((each) => visit(each, depth + 1)) }),
      ...visitMap(node, 'properties', depth),
      ...visitMap(node, '$defs', depth),
      ...(node.items !== undefined && { items: visit(node.items, depth + 1) }),
      ...(node.prefixItems !== undefined && {
        prefixItems: list(node.prefixItems).map((each) => visit(each, depth + 1)),
      }),
      ...(isObject(node.additionalProperties) && {
        additionalProperties: visit(node.additionalProperties, depth + 1),
      }),
    }
  }

  function visitMap(node: Json, key: string, depth: number): Json {
    const map = node[key]
    if (map === undefined) return {}
    if (!isObject(map)) throw new SchemaFault(`'${key}' is not an object`)
    return { [key]: Object.fromEntries(Object.entries(map).map(([name, each]) => [name, visit(each, depth + 1)])) }
  }

  try {
    return { ok: true, schema: visit(value, 0) }
  } catch (fault) {
    if (fault instanceof SchemaFault) return { ok: false, reason: fault.message }
    throw fault
  }
}

/** What one schema says of itself, beside the schemas in it. */
function checkWords(node: Json, definitions: readonly string[]): void {
  const { type, format, enum: values, anyOf, oneOf, $ref, additionalProperties, required } = node
  const kinds = [type, values, node.const, anyOf, oneOf, $ref].filter((each) => each !== undefined)
  if (kinds.length === 0) throw new SchemaFault('a schema in it says no type')
  if (anyOf !== undefined && oneOf !== undefined) throw new SchemaFault("'anyOf' beside 'oneOf' is not supported")
  for (const key of counts) {
    const count = node[key]
    if (count === undefined) continue
    if (!Number.isInteger(count) || (count as number) < 0 || (count as number) > countMax)
      throw new SchemaFault(`'${key}' must be a whole number up to ${countMax}`)
  }
  for (const value of [...(values === undefined ? [] : list(values)), node.const ?? null]) {
    if (typeof value === 'object' && value !== null)
      throw new SchemaFault("objects in 'enum' or 'const' are not supported")
    if (typeof value === 'string' && value.length > textCharactersMax) throw new SchemaFault('a text in it is too long')
  }
  if (type !== undefined) checkType(type)
  if (format !== undefined && !formats.includes(String(format))) throw new SchemaFault(`format must be of ${formats}`)
  if ($ref !== undefined && !definitions.some((name) => $ref === `#/$defs/${name}`))
    throw new SchemaFault("'$ref' must name one of '$defs'")
  if (
    additionalProperties !== undefined &&
    typeof additionalProperties !== 'boolean' &&
    !isObject(additionalProperties)
  )
    throw new SchemaFault("'additionalProperties' is neither a boolean nor a schema")
  if (required !== undefined) checkRequired(node, list(required))
}

function checkType(type: unknown): void {
  const one = typeof type === 'string' && [...plainTypes, 'object', 'array'].includes(type)
  const several = Array.isArray(type) && type.length > 0 && type.every((each) => plainTypes.includes(each))
  if (!one && !several) throw new SchemaFault(`type must be one of JSON's, or several of ${plainTypes}`)
}

/** A name that is required and of no property would never come. */
function checkRequired({ properties }: Json, names: readonly unknown[]): void {
  const known = isObject(properties) ? properties : {}
  if (names.some((name) => typeof name !== 'string' || !Object.hasOwn(known, name)))
    throw new SchemaFault("'required' names what is no property")
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > nodesMax)
    throw new SchemaFault('a list in it is empty, too long or no list')
  return value
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

class SchemaFault extends Error {}
