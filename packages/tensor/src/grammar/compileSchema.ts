/**
 * The texts that obey a JSON Schema, as an expression. A keyword that is not built is refused by name, never left out; what
 * a schema may cost is bounded before anything is made of it. Spec: spec/tensor.md §7.3.
 */
import type { Expression, ExpressionBuilder } from './expression.ts'
import { createJsonExpressions, type JsonExpressions } from './jsonExpressions.ts'
import { SchemaUnsupportedError } from './schemaError.ts'

export const schemaLimits = {
  /** Characters of the schema's JSON text. */
  characters: 65_536,
  depth: 32,
  /** Schemas in it, each reference counted as what it stands for. */
  nodes: 2_048,
  /** Constants of all lists together. */
  constants: 2_048,
  /** The largest bound of a length or a count. */
  count: 65_535,
}

type Node = Readonly<Record<string, unknown>>

type Reading = {
  root: Node
  json: JsonExpressions
  build: ExpressionBuilder
  budget: SchemaBudget
  /** References that are being followed. */
  following: Set<string>
}

/** Says something about a value without forbidding any. */
const annotations = new Set([
  '$schema',
  '$comment',
  '$defs',
  'definitions',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
])

const keywordsOf: Readonly<Record<string, readonly string[]>> = {
  string: ['minLength', 'maxLength'],
  number: [],
  integer: [],
  boolean: [],
  null: [],
  array: ['items', 'minItems', 'maxItems'],
  object: ['properties', 'required', 'additionalProperties'],
}

/** What schemas of one request have used up of the limits. */
export type SchemaBudget = { nodes: number; constants: number }

/** @param text - JSON text @throws {SchemaUnsupportedError} */
export function compileSchema(
  build: ExpressionBuilder,
  text: string,
  budget: SchemaBudget = { nodes: 0, constants: 0 },
): Expression {
  if (text.length > schemaLimits.characters) refuse('', `has more than ${schemaLimits.characters} characters`)
  const root = parse(text)
  const json = createJsonExpressions(build)
  return read({ root, json, build, budget, following: new Set() }, root, '', 0)
}

function read(reading: Reading, node: unknown, at: string, depth: number): Expression {
  const { json, build, budget } = reading
  if (++budget.nodes > schemaLimits.nodes) refuse(at, `makes more than ${schemaLimits.nodes} schemas`)
  if (depth > schemaLimits.depth) refuse(at, `lies deeper than ${schemaLimits.depth} levels`)
  if (node === true) return json.any
  if (!isObject(node)) return refuse(at, 'is no schema that a value could obey')
  const keywords = Object.keys(node).filter((name) => !annotations.has(name))
  if (keywords.length === 0) return json.any
  if (node.$ref !== undefined) return readReference(reading, only(node, keywords, '$ref', at), at, depth)
  if (node.enum !== undefined) return readConstants(reading, only(node, keywords, 'enum', at), at)
  if (node.const !== undefined) return readConstants(reading, [only(node, keywords, 'const', at)], at)
  if (node.anyOf !== undefined) {
    const options = only(node, keywords, 'anyOf', at)
    if (!Array.isArray(options) || options.length === 0) return refuse(`${at}/anyOf`, 'is no list of schemas')
    return build.choice(...options.map((option, i) => read(reading, option, `${at}/anyOf/${i}`, depth + 1)))
  }
  const types = Array.isArray(node.type) ? node.type : [node.type]
  const known = new Set(types.flatMap((type) => (Object.hasOwn(keywordsOf, type) ? keywordsOf[type]! : [])))
  const other = keywords.find((name) => name !== 'type' && !known.has(name))
  if (other !== undefined) {
    const isKnown = Object.values(keywordsOf).some((names) => names.includes(other))
    refuse(at, `has '${other}'${isKnown ? ' without the type that it belongs to' : ', which is not supported'}`)
  }
  if (types.length === 0) refuse(at, 'has no type')
  return build.choice(...types.map((type) => readType(reading, node, type, at, depth)))
}

function readType(reading: Reading, node: Node, type: unknown, at: string, depth: number): Expression {
  const { json } = reading
  if (type === 'string') return json.string(...boundsOf(node, 'Length', at))
  if (type === 'number' || type === 'integer' || type === 'boolean' || type === 'null') return json[type]
  if (type === 'object') return readObject(reading, node, at, depth)
  if (type !== 'array') return refuse(at, 'has no type that is known')
  const item = node.items === undefined ? json.any : read(reading, node.items, `${at}/items`, depth + 1)
  return json.list(item, ...boundsOf(node, 'Items', at))
}

/** Properties come in the order in which the schema has them; what is not required may be left out. */
function readObject(reading: Reading, node: Node, at: string, depth: number): Expression {
  const { json, build } = reading
  const { properties = {}, required = [], additionalProperties: others = true } = node
  if (!isObject(properties)) return refuse(`${at}/properties`, 'is no object')
  if (!Array.isArray(required)) return refuse(`${at}/required`, 'is no list')
  const names = Object.keys(properties)
  const missing = required.find((name) => typeof name !== 'string' || !Object.hasOwn(properties, name))
  if (missing !== undefined) refuse(`${at}/required`, `has '${missing}', which properties has not`)
  if (names.length === 0 && others !== false) {
    return others === true ? json.anyObject : json.map(read(reading, others, `${at}/additionalProperties`, depth + 1))
  }
  // Further properties are never needed, so none is written; but what is said of them must be understood.
  if (others !== false && others !== true) read(reading, others, `${at}/additionalProperties`, depth + 1)
  const close = build.literal('}')
  let [asFirst, asNext]: [Expression, Expression] = [close, close]
  for (const name of names.reverse()) {
    const value = read(reading, properties[name], `${at}/properties/${name}`, depth + 1)
    const pair = build.sequence(json.constant(name), json.colon, value, asNext)
    const next = build.sequence(json.comma, pair)
    const isRequired = required.includes(name)
    asFirst = isRequired ? pair : build.choice(pair, asFirst)
    asNext = isRequired ? next : build.choice(next, asNext)
  }
  return build.sequence(build.literal('{'), asFirst)
}

function readReference(reading: Reading, target: unknown, at: string, depth: number): Expression {
  const { following, root } = reading
  const path = typeof target === 'string' ? /^#\/(\$defs|definitions)\/([^/]+)$/.exec(target) : null
  if (!path) return refuse(`${at}/$ref`, 'is not of the form #/$defs/name')
  const definitions = root[path[1]!]
  const name = path[2]!.replaceAll('~1', '/').replaceAll('~0', '~')
  if (!isObject(definitions) || !Object.hasOwn(definitions, name)) return refuse(`${at}/$ref`, 'leads nowhere')
  if (following.has(path[0])) return refuse(`${at}/$ref`, 'leads back to itself, which is not supported')
  following.add(path[0])
  const found = read(reading, definitions[name], at, depth + 1)
  following.delete(path[0])
  return found
}

function readConstants(reading: Reading, values: unknown, at: string): Expression {
  if (!Array.isArray(values) || values.length === 0) return refuse(`${at}/enum`, 'is no list of values')
  reading.budget.constants += values.length
  if (reading.budget.constants > schemaLimits.constants)
    refuse(at, `makes more than ${schemaLimits.constants} constants`)
  return reading.build.choice(...values.map((value) => reading.json.constant(value)))
}

/** The value of a keyword beside which only a fitting `type` may stand. */
function only(node: Node, keywords: readonly string[], keyword: string, at: string): unknown {
  const other = keywords.find((name) => name !== keyword && name !== 'type')
  if (other !== undefined) refuse(at, `has '${other}' beside '${keyword}', which is not supported`)
  const values = keyword === 'enum' ? node.enum : [node[keyword]]
  if (node.type !== undefined) {
    const isConstant = (keyword === 'enum' && Array.isArray(values)) || keyword === 'const'
    const fits = isConstant && (values as unknown[]).every((value) => isOfType(value, node.type))
    if (!fits) refuse(at, `has a 'type' beside '${keyword}' that does not fit`)
  }
  return node[keyword]
}

function isOfType(value: unknown, type: unknown): boolean {
  if (Array.isArray(type)) return type.some((each) => isOfType(value, each))
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'null') return value === null
  return type === 'object' ? isObject(value) : typeof value === type
}

function boundsOf(node: Node, what: 'Length' | 'Items', at: string): [min: number, max: number] {
  const read = (name: string): number | undefined => {
    const value = node[name]
    if (value === undefined) return undefined
    const isCount = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= schemaLimits.count
    return isCount ? value : refuse(`${at}/${name}`, `is not a number from 0 to ${schemaLimits.count}`)
  }
  const [min, max] = [read(`min${what}`) ?? 0, read(`max${what}`) ?? Infinity]
  return max < min ? refuse(at, `has a max${what} below its min${what}`) : [min, max]
}

function parse(text: string): Node {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // Said below.
  }
  return refuse('', 'is no JSON object')
}

function isObject(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refuse(at: string, reason: string): never {
  throw new SchemaUnsupportedError({ at, reason })
}
