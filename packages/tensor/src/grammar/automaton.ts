/**
 * Which bytes may follow: the derivatives of an expression, made as they are needed. A state is a set of stacks of what is
 * still to come. What is remembered is bounded and may be forgotten at any time. Spec: spec/tensor.md §7.2.
 */
import type { Expression, ExpressionBuilder } from './expression.ts'
import { SchemaUnsupportedError } from './schemaError.ts'

export type State = {
  /** Each begins with a literal, a class or `free`; `undefined` is the end. */
  readonly heads: readonly (Stack | undefined)[]
  /** The text may end here. */
  readonly isEnd: boolean
  /** Nothing is forbidden any more. */
  readonly isFree: boolean
  /** By byte; null: no text goes on so. */
  readonly next: (State | null | undefined)[]
  /** Tokens that may come, as far as it is known. */
  mask?: Uint32Array
}

type Stack = { readonly id: number; readonly top: Expression; readonly rest: Stack | undefined }

export type Automaton = {
  start: State
  /** Undefined where no text goes on with this byte. */
  step(state: State, byte: number): State | null
  /** States remembered. */
  size(): number
  /** Forgets all states; those in use go on to be valid. */
  forget(): void
}

/**
 * Sets of bytes that a state may wait for. A string waits for nine, and a mask costs as much as there are: a schema in
 * which many counted strings could be meant at once would hold up whoever shares the engine.
 */
const classesMax = 64

/** What begins too many texts alike throws {SchemaUnsupportedError}, at the start or on the way. */
export function createAutomaton({ sequence, repeat, tail }: ExpressionBuilder, root: Expression): Automaton {
  const stacks = new Map<string, Stack>()
  const states = new Map<string, State>()
  let nextId = 1

  function push(top: Expression, rest: Stack | undefined): Stack {
    const key = `${top.id},${rest?.id ?? 0}`
    let found = stacks.get(key)
    if (!found) {
      found = { id: nextId++, top, rest }
      stacks.set(key, found)
    }
    return found
  }

  /** Adds all that may come first in `top` followed by `rest`. */
  function open(top: Expression, rest: Stack | undefined, heads: Map<number, Stack | undefined>): void {
    if (top.kind === 'choice') for (const item of top.items) open(item, rest, heads)
    else if (top.kind === 'sequence') open(top.items[0]!, push(sequence(...top.items.slice(1)), rest), heads)
    else if (top.kind === 'repeat') {
      const { item, min, max } = top
      if (min === 0) openRest(rest, heads)
      const more = repeat(item, Math.max(0, min - 1), max - 1)
      open(item, more.kind === 'repeat' ? push(more, rest) : rest, heads)
    } else if (top.kind === 'literal' && top.at === top.bytes.length) openRest(rest, heads)
    else {
      const stack = push(top, rest)
      heads.set(stack.id, stack)
    }
  }

  function openRest(rest: Stack | undefined, heads: Map<number, Stack | undefined>): void {
    if (rest) open(rest.top, rest.rest, heads)
    else heads.set(0, undefined)
  }

  function stateOf(heads: Map<number, Stack | undefined>): State | null {
    if (heads.size === 0) return null
    const key = [...heads.keys()].sort((a, b) => a - b).join()
    let found = states.get(key)
    if (!found) {
      let classes = 0
      for (const stack of heads.values()) if (stack?.top.kind === 'class') classes++
      if (classes > classesMax) {
        throw new SchemaUnsupportedError({ at: '', reason: 'lets too many different texts begin alike' })
      }
      const isFree = [...heads.values()].some((stack) => stack?.top.kind === 'free')
      found = { heads: [...heads.values()], isEnd: heads.has(0) || isFree, isFree, next: [] }
      states.set(key, found)
    }
    return found
  }

  function derive({ heads, isFree }: State, byte: number): State | null {
    const next = new Map<number, Stack | undefined>()
    for (const stack of heads) {
      if (!stack) continue
      const { top, rest } = stack
      if (top.kind === 'free') next.set(stack.id, stack)
      else if (isFree) continue
      else if (top.kind === 'class' && top.has[byte] === 1) openRest(rest, next)
      else if (top.kind === 'literal' && top.bytes[top.at] === byte) open(tail(top), rest, next)
    }
    return stateOf(next)
  }

  const first = new Map<number, Stack | undefined>()
  open(root, undefined, first)
  return {
    start: stateOf(first)!,
    step(state, byte) {
      let next = state.next[byte]
      if (next === undefined) {
        next = derive(state, byte)
        state.next[byte] = next
      }
      return next
    },
    size: () => states.size,
    forget() {
      for (const state of states.values()) {
        state.next.length = 0
        delete state.mask
      }
      stacks.clear()
      states.clear()
    },
  }
}
