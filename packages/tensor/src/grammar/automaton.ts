/**
 * Which bytes may follow: the derivatives of an expression, made as they are needed. A state is a set of stacks of what is
 * still to come. What is remembered is bounded and may be forgotten at any time. Spec: spec/tensor.md §7.2.
 */
import type { Expression, ExpressionBuilder } from './expression.ts'
import { SchemaUnsupportedError } from './schemaError.ts'
import { createHeads, createStacks, type Heads, type Stack } from './stacks.ts'

export type State = {
  /** Each begins with a literal, a class, a place in a machine or `free`; `undefined` is the end. */
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
/** Ways to go on behind what may come, inside of recursive definitions: an ambiguous one has twice as many at each level. */
const waysMax = 256

function isTooMuch(heads: Heads): boolean {
  let classes = 0
  const ways = new Set<Stack | undefined>()
  for (const stack of heads.values()) {
    if (stack?.top.kind === 'class' || stack?.top.kind === 'walk') classes++
    if (stack && stack.level > 0) ways.add(stack.rest)
  }
  return classes > classesMax || ways.size > waysMax
}

/** What begins too many texts alike throws {SchemaUnsupportedError}, at the start or on the way. */
export function createAutomaton(build: ExpressionBuilder, root: Expression): Automaton {
  const stacks = createStacks(build)
  const { open, openRest, walk } = stacks
  const { tail } = build
  const states = new Map<string, State>()

  function stateOf(heads: Heads): State | null {
    if (heads.size === 0) return null
    const key = [...heads.keys()].sort((a, b) => a - b).join()
    let found = states.get(key)
    if (!found) {
      if (isTooMuch(heads)) {
        throw new SchemaUnsupportedError({ at: '', reason: 'lets too many different texts begin alike' })
      }
      const isFree = [...heads.values()].some((stack) => stack?.top.kind === 'free')
      found = { heads: [...heads.values()], isEnd: heads.has(0) || isFree, isFree, next: [] }
      states.set(key, found)
    }
    return found
  }

  function derive({ heads, isFree }: State, byte: number): State | null {
    const next = createHeads()
    for (const stack of heads) {
      if (!stack) continue
      const { top, rest } = stack
      if (top.kind === 'free') next.set(stack.id, stack)
      else if (isFree) continue
      else if (top.kind === 'class' && top.has[byte] === 1) openRest(rest, next)
      else if (top.kind === 'literal' && top.bytes[top.at] === byte) open(tail(top), rest, next)
      else if (top.kind === 'walk') {
        const place = top.machine.step(stack.place, byte)
        if (place !== undefined) walk(top, place, rest, next)
      }
    }
    return stateOf(next)
  }

  const first = createHeads()
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
      stacks.forget()
      states.clear()
    },
  }
}
