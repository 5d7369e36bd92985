/** Languages of bytes as expressions. Equal expressions are one object, so that automata can tell states apart cheaply. */
import { textToBytes } from '@weightless/codec'
import type { Machine } from './machine.ts'

export type Expression = { readonly id: number } /** What is left of `bytes` from `at` on. */ & (
  | { readonly kind: 'literal'; readonly bytes: Uint8Array; readonly at: number; readonly whole: number }
  /** One byte of a set: `has[byte]` is 1. */
  | { readonly kind: 'class'; readonly has: Uint8Array }
  | { readonly kind: 'sequence'; readonly items: readonly Expression[] }
  | { readonly kind: 'choice'; readonly items: readonly Expression[] }
  /** `item`, which is never empty, from `min` to `max` times. */
  | { readonly kind: 'repeat'; readonly item: Expression; readonly min: number; readonly max: number }
  /** Whatever comes: nothing is forbidden from here on. */
  | { readonly kind: 'free' }
  /** A text of a machine. */
  | { readonly kind: 'walk'; readonly machine: Machine }
  /** What `define` says of the name; its texts nest to a bounded depth. */
  | { readonly kind: 'reference'; readonly name: string }
  /** Nothing; stands behind the texts of a reference. */
  | { readonly kind: 'return' }
)

type Shape = Expression extends infer E ? (E extends { id: number } ? Omit<E, 'id'> : never) : never

export type ExpressionBuilder = ReturnType<typeof createExpressions>

export function createExpressions() {
  const known = new Map<string, Expression>()
  const targets = new Map<string, Expression>()
  let nextId = 0
  const keep = (key: string, shape: Shape): Expression => {
    let found = known.get(key)
    if (!found) {
      found = { id: nextId++, ...shape } as Expression
      known.set(key, found)
    }
    return found
  }
  const ids = (items: readonly Expression[]) => items.map(({ id }) => id).join()
  const empty = keep('l', { kind: 'literal', bytes: new Uint8Array(), at: 0, whole: 0 })
  const literal = (text: string): Expression => {
    const bytes = textToBytes(text)
    return text === '' ? empty : keep(`l${text}`, { kind: 'literal', bytes, at: 0, whole: nextId })
  }
  /** Without its first byte. */
  const tail = ({ bytes, at, whole }: Extract<Expression, { kind: 'literal' }>): Expression =>
    at + 1 === bytes.length ? empty : keep(`t${whole},${at + 1}`, { kind: 'literal', bytes, at: at + 1, whole })

  const sequence = (...items: Expression[]): Expression => {
    const flat = items.filter((item) => item !== empty)
    if (flat.length === 0) return empty
    return flat.length === 1 ? flat[0]! : keep(`s${ids(flat)}`, { kind: 'sequence', items: flat })
  }
  const choice = (...items: Expression[]): Expression => {
    const distinct = [...new Set(items)]
    if (distinct.length === 0) throw new TypeError('a choice of nothing')
    return distinct.length === 1 ? distinct[0]! : keep(`c${ids(distinct)}`, { kind: 'choice', items: distinct })
  }
  return {
    empty,
    literal,
    tail,
    sequence,
    choice,
    /** @param ranges - first and last byte of each */
    bytes(...ranges: readonly (readonly [first: number, last: number])[]): Expression {
      const has = new Uint8Array(256)
      for (const [first, last] of ranges) has.fill(1, first, last + 1)
      return keep(`b${has.join('')}`, { kind: 'class', has })
    },
    repeat(item: Expression, min: number, max: number): Expression {
      if (max === 0) return empty
      return keep(`r${item.id},${min},${max}`, { kind: 'repeat', item, min, max })
    },
    optional: (item: Expression) => choice(empty, item),
    free: keep('f', { kind: 'free' }),
    /** @param machine - equal ids are equal languages */
    walk: (machine: Machine) => keep(`w${machine.id}`, { kind: 'walk', machine }),
    reference: (name: string) => keep(`n${name}`, { kind: 'reference', name }),
    return: keep('e', { kind: 'return' }),
    define(name: string, target: Expression): void {
      targets.set(name, target)
    },
    /** By the name of a reference. */
    targets: targets as ReadonlyMap<string, Expression>,
    /** How many there are: repetitions make new ones while they are counted down. */
    size: () => known.size,
  }
}
