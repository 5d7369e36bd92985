/** Schemas that all hold, as alternatives of which each is one schema without references and combinations. Spec: spec/tensor.md §7.3.3. */
import { assertDisjoint } from './disjointSchemas.ts'
import { resolveReference } from './resolveReference.ts'
import {
  AllOf,
  constantsOf,
  isObject,
  isOfType,
  isSame,
  keywordsOf,
  type Node,
  readObject,
  refuse,
  type SchemaBudget,
  schemaLimits,
  spend,
  typeKeywords,
  typesOf,
  valuesOf,
} from './schemaNode.ts'

type Place = { root: Node; budget: SchemaBudget }

const combinations = new Set(['$ref', 'anyOf', 'oneOf', 'allOf'])

/** Empty where no value obeys. @throws {SchemaUnsupportedError} */
export function expandSchema(place: Place, node: unknown, at: string, depth: number): Node[] {
  spend(place.budget, 'nodes', 1, at)
  if (depth > schemaLimits.depth) refuse(at, `lies deeper than ${schemaLimits.depth} levels`)
  if (node === true) return [{}]
  if (node === false) return []
  if (!isObject(node)) return refuse(at, 'is no schema that a value could obey')
  const names = keywordsOf(node)
  const own = Object.fromEntries(names.filter((name) => !combinations.has(name)).map((name) => [name, node[name]]))
  const expand = (inner: unknown, where: string) => expandSchema(place, inner, `${at}${where}`, depth + 1)
  const parts: Node[][] = [[own]]
  if (node.$ref !== undefined) parts.push(expand(resolveReference(place.root, node.$ref, at), ''))
  for (const name of ['anyOf', 'oneOf'] as const) {
    if (node[name] === undefined) continue
    const options = listOf(node, name, at)
    if (name === 'oneOf') assertDisjoint(place, options, at)
    parts.push(options.flatMap((option, i) => expand(option, `/${name}/${i}`)))
  }
  if (node.allOf !== undefined) {
    for (const [i, one] of listOf(node, 'allOf', at).entries()) parts.push(expand(one, `/allOf/${i}`))
  }
  const [first, ...others] = parts
  return others.reduce((all, more) => {
    spend(place.budget, 'nodes', all.length * more.length, at)
    return all.flatMap((a) => more.map((b) => mergeTwo(a, b, at))).filter((one) => one !== undefined)
  }, first!)
}

export function listOf(node: Node, keyword: string, at: string): readonly unknown[] {
  const list = node[keyword]
  return Array.isArray(list) && list.length > 0 ? list : refuse(`${at}/${keyword}`, 'is no list of schemas')
}

type Merge = (a: unknown, b: unknown, at: string) => unknown

const larger: Merge = (a, b) => (typeof a === 'number' && typeof b === 'number' ? Math.max(a, b) : a)
const smaller: Merge = (a, b) => (typeof a === 'number' && typeof b === 'number' ? Math.min(a, b) : a)
const both: Merge = (a, b) => (isSame(a, b) ? a : new AllOf([...valuesOf(a), ...valuesOf(b)]))
const joined: Merge = (a, b) => (isSame(a, b) ? a : { allOf: [a, b] })

const merges: Readonly<Record<string, Merge>> = {
  minLength: larger,
  maxLength: smaller,
  minItems: larger,
  maxItems: smaller,
  minimum: larger,
  maximum: smaller,
  exclusiveMinimum: larger,
  exclusiveMaximum: smaller,
  multipleOf: both,
  pattern: both,
  format: both,
  items: joined,
}

const ofObjects = ['properties', 'required', 'additionalProperties']
const ofValues = ['type', 'enum', 'const']

/** Undefined where no value obeys both. */
function mergeTwo(a: Node, b: Node, at: string): Node | undefined {
  if (Object.keys(a).length === 0) return b
  if (Object.keys(b).length === 0) return a
  const merged: Record<string, unknown> = {}
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (ofObjects.includes(name) || ofValues.includes(name)) continue
    const [mine, others] = [a[name], b[name]]
    if (mine === undefined || others === undefined) merged[name] = mine ?? others
    else if (Object.hasOwn(merges, name)) merged[name] = merges[name]!(mine, others, at)
    else refuse(at, `has '${name}', which is not supported`)
  }
  const values = mergeValues(a, b)
  const objects = mergeObjects(a, b, at)
  return values && objects && withoutOthers({ ...merged, ...objects, ...values })
}

/** Without what is said of types that no value has any more. */
function withoutOthers(node: Node): Node {
  const types = typesOf(node)
  if (types === undefined) return node
  const said = new Set(Object.values(typeKeywords).flat())
  const left = new Set(types.flatMap((type) => typeKeywords[String(type)] ?? []))
  return Object.fromEntries(Object.entries(node).filter(([name]) => left.has(name) || !said.has(name)))
}

function mergeValues(a: Node, b: Node): Node | undefined {
  const [mine, others] = [typesOf(a), typesOf(b)]
  let types = mine && others ? mine.filter((type) => others.some((other) => covers(other, type))) : (mine ?? others)
  if (mine && others) {
    types = [...new Set([...types!, ...others.filter((type) => mine.some((other) => covers(other, type)))])]
  }
  if (types?.length === 0) return undefined
  const [constants, more] = [constantsOf(a), constantsOf(b)]
  const type = types === undefined ? {} : { type: types }
  if (!constants && !more) return type
  const values = (constants ?? more)!.filter(
    (value) =>
      (types === undefined || isOfType(value, types)) &&
      (!constants || !more || more.some((other) => isSame(value, other))),
  )
  return values.length === 0 ? undefined : { enum: values, ...type }
}

/** Whether every value of type `inner` is one of type `outer`. */
const covers = (outer: unknown, inner: unknown): boolean =>
  outer === inner || (outer === 'number' && inner === 'integer')

function mergeObjects(a: Node, b: Node, at: string): Node | undefined {
  if (![a, b].some((node) => ofObjects.some((name) => node[name] !== undefined))) return {}
  const [mine, others] = [readObject(a, at), readObject(b, at)]
  const required = [...new Set([...mine.required, ...others.required])]
  const properties: Record<string, unknown> = {}
  for (const name of new Set([...Object.keys(mine.properties), ...Object.keys(others.properties)])) {
    const [one, other] = [mine, others].map(({ properties: own, rest }) =>
      Object.hasOwn(own, name) ? own[name] : rest,
    )
    const schema = joinTwo(one, other)
    if (schema !== false) define(properties, name, schema)
    else if (required.includes(name)) return undefined
  }
  return { properties, required, additionalProperties: joinTwo(mine.rest, others.rest) }
}

/** As an own name, whatever it is. */
function define(properties: object, name: string, value: unknown): void {
  Object.defineProperty(properties, name, { value, enumerable: true, configurable: true, writable: true })
}

function joinTwo(a: unknown, b: unknown): unknown {
  if (a === false || b === false) return false
  if (a === true || b === true) return a === true ? b : a
  return isSame(a, b) ? a : { allOf: [a, b] }
}
