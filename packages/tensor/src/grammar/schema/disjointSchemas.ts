/** Whether no value obeys two schemas, as far as it can be told: then `oneOf` is `anyOf`. Spec: spec/tensor.md §7.3.3. */
import { resolveReference } from './resolveReference.ts'
import {
  constantsOf,
  isObject,
  isOfType,
  isSame,
  type Node,
  readObject,
  refuse,
  type SchemaBudget,
  spend,
  typesOf,
} from './schemaNode.ts'

type Place = { root: Node; budget: SchemaBudget }

/** How deep two schemas are looked into. */
const depthMax = 8

/** @throws {SchemaUnsupportedError} */
export function assertDisjoint(place: Place, options: readonly unknown[], at: string): void {
  options.forEach((a, i) => {
    options.slice(i + 1).forEach((b, j) => {
      if (isDisjoint(place, a, b, at, 0)) return
      refuse(`${at}/oneOf`, `has options ${i} and ${i + 1 + j} that one value might obey both`)
    })
  })
}

function isDisjoint(place: Place, a: unknown, b: unknown, at: string, depth: number): boolean {
  spend(place.budget, 'comparisons', 1, at)
  if (a === false || b === false) return true
  if (!isObject(a) || !isObject(b) || depth > depthMax) return false
  const under = (one: unknown, other: unknown) => isDisjoint(place, one, other, at, depth + 1)
  return looksInto(place, a, b, at, under) || looksInto(place, b, a, at, under) || excludes(a, b, at, under)
}

type Compare = (a: unknown, b: unknown) => boolean

/** By what `a` is made of. */
function looksInto(place: Place, a: Node, b: Node, at: string, under: Compare): boolean {
  if (a.$ref !== undefined && under(resolveReference(place.root, a.$ref, at), b)) return true
  if (Array.isArray(a.allOf) && a.allOf.some((one) => under(one, b))) return true
  return [a.anyOf, a.oneOf].some((list) => Array.isArray(list) && list.length > 0 && list.every((one) => under(one, b)))
}

/** By their own keywords. */
function excludes(a: Node, b: Node, at: string, under: Compare): boolean {
  const [mine, others] = [kindsOf(a), kindsOf(b)]
  const common = mine.filter((kind) => others.includes(kind))
  if (common.length === 0) return true
  const [constants, more] = [constantsOf(a), constantsOf(b)]
  if (constants && more) return !constants.some((value) => more.some((other) => isSame(value, other)))
  const types = [typesOf(a), typesOf(b)]
  if (constants && types[1] && !constants.some((value) => isOfType(value, types[1]))) return true
  if (more && types[0] && !more.some((value) => isOfType(value, types[0]))) return true
  if (common.every((kind) => kind === 'number')) return isApart(a, b) || isApart(b, a)
  return common.every((kind) => kind === 'object') && (needsOther(a, b, at, under) || needsOther(b, a, at, under))
}

const allKinds = ['string', 'number', 'boolean', 'null', 'array', 'object'] as const

/** Types of its values, whole numbers as numbers. */
function kindsOf(node: Node): readonly string[] {
  const types = typesOf(node)?.map((type) => (type === 'integer' ? 'number' : type))
  const constants = constantsOf(node)
  return allKinds.filter(
    (kind) => (types?.includes(kind) ?? true) && (constants?.some((value) => isOfType(value, kind)) ?? true),
  )
}

const isApart = (low: Node, high: Node): boolean =>
  typeof low.maximum === 'number' && typeof high.minimum === 'number' && low.maximum < high.minimum

/** Whether objects of `a` must have a property that `b` lets be nothing of the kind. */
function needsOther(a: Node, b: Node, at: string, under: Compare): boolean {
  const [mine, others] = [readObject(a, at), readObject(b, at)]
  return mine.required.some((name) => {
    if (typeof name !== 'string') return false
    const [own, other] = [mine, others].map(({ properties, rest }) =>
      Object.hasOwn(properties, name) ? properties[name] : rest,
    )
    return under(own, other)
  })
}
