/** What every reader of a JSON Schema shares: its nodes, the limits, how one is refused. Spec: spec/tensor.md §7.3. */
import { SchemaUnsupportedError } from '../schemaError.ts'
import type { TextBudget } from '../text/searchAutomaton.ts'

export type Node = Readonly<Record<string, unknown>>

export const schemaLimits = {
  /** Characters of the schema's JSON text. */
  characters: 65_536,
  depth: 32,
  /** Lists and objects in its text, those of constants too. */
  nesting: 1_000,
  /** Schemas in it, each reference to a definition that is not recursive counted as what it stands for. */
  nodes: 2_048,
  /** Constants of all lists together. */
  constants: 2_048,
  /** The largest bound of a length or a count. */
  count: 65_535,
  /** Definitions that lead back to themselves. */
  recursive: 64,
  /** Pairs of schemas held against each other for `oneOf`. */
  comparisons: 16_384,
}

/** What schemas of one request have used up of the limits. */
export type SchemaBudget = { nodes: number; constants: number; comparisons: number; text: TextBudget }

export function createBudget(): SchemaBudget {
  return { nodes: 0, constants: 0, comparisons: 0, text: { parts: 0, visits: 0, transitions: 0 } }
}

export function spend(budget: SchemaBudget, what: 'nodes' | 'constants' | 'comparisons', count: number, at: string) {
  budget[what] += count
  const named = what === 'nodes' ? 'schemas' : what
  if (budget[what] > schemaLimits[what]) refuse(at, `makes more than ${schemaLimits[what]} ${named}`)
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

export function keywordsOf(node: Node): string[] {
  return Object.keys(node).filter((name) => !annotations.has(name))
}

const ofNumbers = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']

/** What may be said of values of a type. */
export const typeKeywords: Readonly<Record<string, readonly string[]>> = {
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  number: ofNumbers,
  integer: ofNumbers,
  boolean: [],
  null: [],
  array: ['items', 'minItems', 'maxItems'],
  object: ['properties', 'required', 'additionalProperties'],
}

/** Values of a keyword from several schemas that are merged: all of them hold. */
export class AllOf {
  readonly values: readonly unknown[]
  constructor(values: readonly unknown[]) {
    this.values = values
  }
}

export function valuesOf(value: unknown): readonly unknown[] {
  if (value === undefined) return []
  return value instanceof AllOf ? value.values : [value]
}

export function isObject(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isOfType(value: unknown, type: unknown): boolean {
  if (Array.isArray(type)) return type.some((each) => isOfType(value, each))
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'null') return value === null
  return type === 'object' ? isObject(value) : typeof value === type
}

/** Whether two values of JSON are one: the order of an object's names is nothing. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => isSame(item, b[i]))
  if (!isObject(a) || !isObject(b)) return a === b
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && isSame(a[name], b[name]))
  )
}

export function typesOf({ type }: Node): readonly unknown[] | undefined {
  if (type === undefined) return undefined
  return Array.isArray(type) ? type : [type]
}

export function constantsOf(node: Node): readonly unknown[] | undefined {
  if (Object.hasOwn(node, 'const')) return [node.const]
  return Array.isArray(node.enum) ? node.enum : undefined
}

export function readObject(node: Node, at: string) {
  const { properties = {}, required = [], additionalProperties: rest = true } = node
  if (!isObject(properties)) return refuse(`${at}/properties`, 'is no object')
  if (!Array.isArray(required)) return refuse(`${at}/required`, 'is no list')
  return { properties, required: required as readonly unknown[], rest }
}

/** Lists and objects of JSON text that are open at once. */
export function nestingOf(text: string): number {
  let [most, open] = [0, 0]
  for (const [part] of text.matchAll(/"(?:[^"\\]|\\.)*"?|[[\]{}]/gs)) {
    if (part === '[' || part === '{') most = Math.max(most, ++open)
    else if (part === ']' || part === '}') open--
  }
  return most
}

export function refuse(at: string, reason: string): never {
  throw new SchemaUnsupportedError({ at, reason })
}
