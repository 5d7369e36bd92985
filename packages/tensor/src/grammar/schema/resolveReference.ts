/** Where references of a schema lead, and which definitions lead back to themselves. Spec: spec/tensor.md §7.3.4. */
import { isObject, keywordsOf, type Node, refuse, schemaLimits } from './schemaNode.ts'

/** @param target - `#`, or `#/` and a JSON pointer into the schema */
export function resolveReference(root: Node, target: unknown, at: string): unknown {
  if (target === '#') return root
  if (typeof target !== 'string' || !target.startsWith('#/'))
    return refuse(`${at}/$ref`, 'is not of the form #/$defs/name')
  const found = findTarget(root, target)
  return found === undefined ? refuse(`${at}/$ref`, 'leads nowhere') : found
}

function findTarget(root: Node, target: string): unknown {
  let found: unknown = root
  for (const part of target.slice(2).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    const own = hasOwn(found, name) ? name : decode(name)
    if (!hasOwn(found, own)) return undefined
    found = (found as Node)[own]
  }
  return found
}

const hasOwn = (value: unknown, name: string): boolean =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)

function decode(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    // No encoded name, so the name itself, which is not there.
    return name
  }
}

/** The references that lie on a cycle, among those that the root leads to. @throws {SchemaUnsupportedError} */
export function findRecursive(root: Node): Set<string> {
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const path: string[] = []
  const recursive = new Set<string>()

  /** Tarjan's strongly connected components. */
  function visit(target: string): void {
    order.set(target, order.size)
    lowest.set(target, order.get(target)!)
    path.push(target)
    let leadsToItself = false
    for (const next of referencesIn(target === '#' ? root : findTarget(root, target), 0)) {
      if (next === target) leadsToItself = true
      if (!order.has(next)) visit(next)
      if (path.includes(next)) lowest.set(target, Math.min(lowest.get(target)!, lowest.get(next)!))
    }
    if (lowest.get(target) !== order.get(target)) return
    const component = path.splice(path.indexOf(target))
    if (component.length > 1 || leadsToItself) for (const one of component) recursive.add(one)
  }

  visit('#')
  if (recursive.size > schemaLimits.recursive) {
    refuse('', `has more than ${schemaLimits.recursive} definitions that lead back to themselves`)
  }
  return recursive
}

/** Of the schemas in a schema, as deep as they are read. */
function referencesIn(schema: unknown, depth: number): Set<string> {
  const found = new Set<string>()
  if (!isObject(schema) || depth > schemaLimits.depth) return found
  if (typeof schema.$ref === 'string' && /^#(\/|$)/.test(schema.$ref)) found.add(schema.$ref)
  for (const inner of schemasIn(schema)) for (const one of referencesIn(inner, depth + 1)) found.add(one)
  return found
}

function schemasIn(node: Node): unknown[] {
  return keywordsOf(node).flatMap((name) => {
    const value = node[name]
    if (name === 'items' || name === 'additionalProperties') return [value]
    if (name === 'properties') return isObject(value) ? Object.values(value) : []
    return (name === 'anyOf' || name === 'oneOf' || name === 'allOf') && Array.isArray(value) ? value : []
  })
}

export type References = ReturnType<typeof createReferences>

/** What is known of the recursive definitions of one schema. @param salt - tells apart schemas that share a builder */
export function createReferences(recursive: ReadonlySet<string>, salt: number) {
  const begun = new Set<string>()
  /** Where a value of a definition may be one of another as a whole. */
  const leads = new Map<string, Set<string>>()
  return {
    recursive,
    nameOf: (target: string) => `${salt} ${target}`,
    /** Whether it is the first time. */
    begin(target: string): boolean {
      const isFirst = !begun.has(target)
      begun.add(target)
      return isFirst
    },
    lead(from: string | undefined, to: string): void {
      if (from !== undefined) leads.set(from, (leads.get(from) ?? new Set()).add(to))
    },
    /** @throws {SchemaUnsupportedError} a definition that would be itself */
    assertNoLoop(): void {
      for (const start of leads.keys()) {
        const seen = new Set<string>()
        const open = [...leads.get(start)!]
        for (let one = open.pop(); one !== undefined; one = open.pop()) {
          if (one === start) refuse(start, 'leads back to itself without a list or an object between')
          if (seen.has(one)) continue
          seen.add(one)
          open.push(...(leads.get(one) ?? []))
        }
      }
    },
  }
}
