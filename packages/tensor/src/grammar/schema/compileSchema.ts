/**
 * The texts that obey a JSON Schema, as an expression. A keyword that is not built is refused by name, never left out; what
 * a schema may cost is bounded before anything is made of it. Spec: spec/tensor.md §7.3.
 */
import type { Expression, ExpressionBuilder } from '../expression.ts'
import { createJsonExpressions, type JsonExpressions } from '../jsonExpressions.ts'
import { measureHeights, referenceDepthMax } from '../referenceHeights.ts'
import { assertDisjoint } from './disjointSchemas.ts'
import { expandSchema, listOf } from './mergeSchemas.ts'
import { readNumber } from './readNumber.ts'
import { readText } from './readText.ts'
import { createReferences, findRecursive, type References, resolveReference } from './resolveReference.ts'
import {
  createBudget,
  isObject,
  isOfType,
  keywordsOf,
  type Node,
  nestingOf,
  readObject,
  refuse,
  type SchemaBudget,
  schemaLimits,
  spend,
  typeKeywords,
  typesOf,
} from './schemaNode.ts'

type Reading = {
  root: Node
  json: JsonExpressions
  build: ExpressionBuilder
  budget: SchemaBudget
  references: References
  /** The recursive definition that is being read, while no list and no object stands between. */
  within: string | undefined
}

/** @param text - JSON text @throws {SchemaUnsupportedError} */
export function compileSchema(build: ExpressionBuilder, text: string, budget = createBudget()): Expression {
  if (text.length > schemaLimits.characters) refuse('', `has more than ${schemaLimits.characters} characters`)
  const root = parse(text)
  const references = createReferences(findRecursive(root), build.targets.size)
  const reading = { root, json: createJsonExpressions(build), build, budget, references, within: undefined }
  const isRecursive = references.recursive.has('#')
  const made = isRecursive ? readRecursive(reading, '#', '') : read(reading, root, '', 0)
  references.assertNoLoop()
  const whole = isRecursive ? build.targets.get(references.nameOf('#'))! : made
  if (measureHeights(build.targets)(whole) > referenceDepthMax) refuse('', 'is obeyed by no value that ends')
  return whole
}

function read(reading: Reading, node: unknown, at: string, depth: number): Expression {
  const { json, build, budget } = reading
  spend(budget, 'nodes', 1, at)
  if (depth > schemaLimits.depth) refuse(at, `lies deeper than ${schemaLimits.depth} levels`)
  if (node === true) return json.any
  if (!isObject(node)) return refuse(at, 'is no schema that a value could obey')
  const keywords = keywordsOf(node)
  if (keywords.length === 0) return json.any
  if (keywords.length > 1 && ['$ref', 'anyOf', 'oneOf', 'allOf'].some((name) => node[name] !== undefined)) {
    return readMerged(reading, node, at, depth)
  }
  if (node.$ref !== undefined) return readReference(reading, node.$ref, at, depth)
  if (node.allOf !== undefined) {
    const [first, ...more] = listOf(node, 'allOf', at)
    return more.length > 0 ? readMerged(reading, node, at, depth) : read(reading, first, `${at}/allOf/0`, depth + 1)
  }
  for (const name of ['anyOf', 'oneOf'] as const) {
    if (node[name] === undefined) continue
    const options = listOf(node, name, at)
    if (name === 'oneOf') assertDisjoint(reading, options, at)
    return build.choice(...options.map((option, i) => read(reading, option, `${at}/${name}/${i}`, depth + 1)))
  }
  return readPlain(reading, node, at, depth)
}

/** Schemas that hold together. */
function readMerged(reading: Reading, node: Node, at: string, depth: number): Expression {
  const plain = expandSchema(reading, node, at, depth)
  if (plain.length === 0) refuse(at, 'is obeyed by no value')
  return reading.build.choice(...plain.map((one) => readPlain(reading, one, at, depth)))
}

/** A schema without references and combinations. */
function readPlain(reading: Reading, node: Node, at: string, depth: number): Expression {
  const { json, build } = reading
  const keywords = keywordsOf(node)
  if (keywords.length === 0) return json.any
  for (const name of ['enum', 'const'] as const) {
    if (!Object.hasOwn(node, name) || node[name] === undefined) continue
    const other = keywords.find((one) => one !== name && one !== 'type')
    if (other !== undefined) refuse(at, `has '${other}' beside '${name}', which is not supported`)
    return readConstants(reading, node, name === 'enum' ? node.enum : [node.const], at)
  }
  const types = typesOf(node) ?? [undefined]
  const known = new Set(
    types.flatMap((type) => (Object.hasOwn(typeKeywords, String(type)) ? typeKeywords[String(type)]! : [])),
  )
  const other = keywords.find((name) => name !== 'type' && !known.has(name))
  if (other !== undefined) {
    const isKnown = Object.values(typeKeywords).some((names) => names.includes(other))
    refuse(at, `has '${other}'${isKnown ? ' without the type that it belongs to' : ', which is not supported'}`)
  }
  if (types.length === 0) refuse(at, 'has no type')
  return build.choice(...types.map((type) => readType(reading, node, type, at, depth)))
}

function readType(reading: Reading, node: Node, type: unknown, at: string, depth: number): Expression {
  const { json, build, budget } = reading
  if (type === 'string') {
    const [min, max] = boundsOf(node, 'Length', at)
    return readText(build, node, min, max, budget.text, at) ?? json.string(min, max)
  }
  if (type === 'number' || type === 'integer') return readNumber(build, node, type, at) ?? json[type]
  if (type === 'boolean' || type === 'null') return json[type]
  if (type === 'object') return readProperties(reading, node, at, depth)
  if (type !== 'array') return refuse(at, 'has no type that is known')
  const inside = { ...reading, within: undefined }
  const item = node.items === undefined ? json.any : read(inside, node.items, `${at}/items`, depth + 1)
  return json.list(item, ...boundsOf(node, 'Items', at))
}

/** Properties come in the order in which the schema has them; what is not required may be left out. */
function readProperties(outside: Reading, node: Node, at: string, depth: number): Expression {
  const reading = { ...outside, within: undefined }
  const { json, build } = reading
  const { properties, required, rest } = readObject(node, at)
  const names = Object.keys(properties)
  const missing = required.find((name) => typeof name !== 'string' || !Object.hasOwn(properties, name))
  if (missing !== undefined) refuse(`${at}/required`, `has '${missing}', which properties has not`)
  if (names.length === 0 && rest !== false) {
    return rest === true ? json.anyObject : json.map(read(reading, rest, `${at}/additionalProperties`, depth + 1))
  }
  // Further properties are never needed, so none is written; but what is said of them must be understood.
  if (rest !== false && rest !== true) read(reading, rest, `${at}/additionalProperties`, depth + 1)
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
  const { root, references } = reading
  const found = resolveReference(root, target, at)
  if (references.recursive.has(target as string)) return readRecursive(reading, target as string, at)
  return read(reading, found, at, depth + 1)
}

/** Read once, wherever it is referred to. */
function readRecursive(reading: Reading, target: string, at: string): Expression {
  const { root, build, references, within } = reading
  references.lead(within, target)
  if (references.begin(target)) {
    const body = read({ ...reading, within: target }, resolveReference(root, target, at), at, 0)
    build.define(references.nameOf(target), body)
  }
  return build.reference(references.nameOf(target))
}

function readConstants(reading: Reading, node: Node, values: unknown, at: string): Expression {
  if (!Array.isArray(values) || values.length === 0) return refuse(`${at}/enum`, 'is no list of values')
  const fits = node.type === undefined || values.every((value) => isOfType(value, node.type))
  if (!fits) refuse(at, "has a 'type' beside its constants that does not fit")
  spend(reading.budget, 'constants', values.length, at)
  return reading.build.choice(...values.map((value) => reading.json.constant(value)))
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
  if (nestingOf(text) > schemaLimits.nesting) refuse('', `nests deeper than ${schemaLimits.nesting} levels`)
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // Said below.
  }
  return refuse('', 'is no JSON object')
}
