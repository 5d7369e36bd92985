/** What is still to come of a text, as stacks of expressions; each is made once. Spec: spec/tensor.md §7.2. */
import type { Expression, ExpressionBuilder } from './expression.ts'
import { measureHeights, referenceDepthMax } from './referenceHeights.ts'

type Walk = Extract<Expression, { kind: 'walk' }>
type Reference = Extract<Expression, { kind: 'reference' }>

export type Stack = {
  readonly id: number
  readonly top: Expression
  /** The state of a machine; empty for all others. */
  readonly place: string
  readonly rest: Stack | undefined
  /** References that are open in it. */
  readonly level: number
}

/** What may come next, by id; 0 and undefined are the end. */
export type Heads = Map<number, Stack | undefined> & { readonly begun: Set<string> }

export function createHeads(): Heads {
  return Object.assign(new Map<number, Stack | undefined>(), { begun: new Set<string>() })
}

export function createStacks({ sequence, repeat, return: leave, targets }: ExpressionBuilder) {
  const heightOf = measureHeights(targets)
  const known = new Map<string, Stack>()
  let nextId = 1

  function push(top: Expression, rest: Stack | undefined, place = ''): Stack {
    const key = `${top.id},${rest?.id ?? 0},${place}`
    let found = known.get(key)
    if (!found) {
      const level = (rest?.level ?? 0) + (top.kind === 'return' ? 1 : 0)
      found = { id: nextId++, top, place, rest, level }
      known.set(key, found)
    }
    return found
  }

  /** Adds all that may come first in `top` followed by `rest`. */
  function open(top: Expression, rest: Stack | undefined, heads: Heads): void {
    // What could not end at this depth is not begun.
    if (heightOf(top) + (rest?.level ?? 0) > referenceDepthMax) return
    if (top.kind === 'choice') for (const item of top.items) open(item, rest, heads)
    else if (top.kind === 'sequence') open(top.items[0]!, push(sequence(...top.items.slice(1)), rest), heads)
    else if (top.kind === 'repeat') {
      const { item, min, max } = top
      if (min === 0) openRest(rest, heads)
      const more = repeat(item, Math.max(0, min - 1), max - 1)
      open(item, more.kind === 'repeat' ? push(more, rest) : rest, heads)
    } else if (top.kind === 'reference') openReference(top, rest, heads)
    else if (top.kind === 'return' || (top.kind === 'literal' && top.at === top.bytes.length)) openRest(rest, heads)
    else if (top.kind === 'walk') walk(top, top.machine.start, rest, heads)
    else {
      const stack = push(top, rest)
      heads.set(stack.id, stack)
    }
  }

  /** Once behind the same: definitions that name each other twice are a thousand million ways to one place. */
  function openReference({ id, name }: Reference, rest: Stack | undefined, heads: Heads): void {
    const key = `${id},${rest?.id ?? 0}`
    if (heads.begun.has(key)) return
    heads.begun.add(key)
    open(targets.get(name)!, push(leave, rest), heads)
  }

  function walk(top: Walk, place: string, rest: Stack | undefined, heads: Heads): void {
    if (top.machine.isEnd(place)) openRest(rest, heads)
    const stack = push(top, rest, place)
    heads.set(stack.id, stack)
  }

  function openRest(rest: Stack | undefined, heads: Heads): void {
    if (rest) open(rest.top, rest.rest, heads)
    else heads.set(0, undefined)
  }

  return {
    open,
    openRest,
    walk,
    /** Those in use go on to be valid. */
    forget: () => known.clear(),
  }
}
