/**
 * The texts that obey several patterns and bounds of their length at once, as a table of states by kinds of characters,
 * without states from which no such text is reached. Spec: spec/tensor.md §7.3.1.
 */
import { type CharacterSet, codePointMax } from './characterSet.ts'
import { type Pattern, refusePattern, type Search } from './parsePattern.ts'
import { createSearchAutomaton, type TextBudget, textLimits } from './searchAutomaton.ts'

export type TextTable = {
  /** Code points from `starts[i]` up to `starts[i + 1]` have the kind `kinds[i]`. */
  starts: Uint32Array
  kinds: Uint8Array
  kindCount: number
  /** By state and kind; `dead` where no text that obeys goes on so. State 0 is the start. */
  next: Uint32Array
  isEnd: Uint8Array
}

export const dead = 0xffffffff
/** What a state costs beside its transitions, in transitions. */
const stateCost = 16

/** Undefined where no text obeys. @throws {SchemaUnsupportedError} */
export function makeTextTable(
  searches: readonly Search[],
  { min, max }: { min: number; max: number },
  budget: TextBudget,
  at: string,
): TextTable | undefined {
  const alphabet = divide(searches, at)
  const { kindCount } = alphabet
  const automata = searches.map((search) => createSearchAutomaton(search, alphabet.kindsOf, budget, at))
  const states: { at: number[]; count: number }[] = []
  const known = new Map<string, number>()
  // Without a largest length it does not matter how much longer than the least a text is.
  const countMax = max === Infinity ? min : max
  function keep(places: number[], count: number): number {
    const key = `${places.join()};${count}`
    let state = known.get(key)
    if (state === undefined) {
      state = states.length
      states.push({ at: places, count })
      known.set(key, state)
      budget.transitions += kindCount + stateCost
      if (budget.transitions > textLimits.transitions) refusePattern(at, 'makes too many states')
    }
    return state
  }
  keep(
    automata.map(({ start }) => start),
    0,
  )
  const next: number[] = []
  for (let state = 0; state < states.length; state++) {
    const { at: places, count } = states[state]!
    const isFull = max !== Infinity && count === max
    for (let kind = 0; kind < kindCount; kind++) {
      if (isFull || kind === alphabet.noCharacter) next.push(dead)
      else {
        const after = automata.map((automaton, i) => automaton.step(places[i]!, kind))
        next.push(keep(after, Math.min(count + 1, countMax)))
      }
    }
  }
  const isEnd = Uint8Array.from(states, ({ at: places, count }) =>
    count >= min && automata.every((automaton, i) => automaton.isGood(places[i]!)) ? 1 : 0,
  )
  const { starts, kinds } = alphabet
  const table = { starts, kinds, kindCount, next: Uint32Array.from(next), isEnd }
  return prune(table) ? table : undefined
}

/** Kinds of characters that no set of the patterns tells apart; halves of a pair of surrogates are a kind that no text has. */
function divide(searches: readonly Search[], at: string) {
  const sets: CharacterSet[] = searches.flatMap(({ pattern }) => setsOf(pattern))
  const cuts = new Set([0, 0xd800, 0xe000])
  for (const set of sets) {
    for (const [first, last] of set) {
      cuts.add(first)
      if (last < codePointMax) cuts.add(last + 1)
    }
  }
  const starts = Uint32Array.from(cuts).sort()
  const names = new Map<string, number>()
  const members = new Uint8Array(starts.length)
  const holds = sets.map((set) => inSet(set, starts))
  starts.forEach((start, i) => {
    const name = start >= 0xd800 && start < 0xe000 ? 'none' : holds.map((has) => has[i]).join('')
    const kind = names.get(name) ?? names.size
    names.set(name, kind)
    if (kind >= textLimits.kinds) refusePattern(at, `tells more than ${textLimits.kinds} kinds of characters apart`)
    members[i] = kind
  })
  const found = new Map<CharacterSet, Uint8Array>()
  function kindsOf(set: CharacterSet): Uint8Array {
    let has = found.get(set)
    if (!has) {
      has = new Uint8Array(names.size)
      found.set(set, has)
      for (const [i, is] of inSet(set, starts).entries()) if (is === 1) has[members[i]!] = 1
    }
    return has
  }
  return { starts, kinds: members, kindCount: names.size, noCharacter: names.get('none')!, kindsOf }
}

/** For each start whether it lies in the set. */
function inSet(set: CharacterSet, starts: Uint32Array): Uint8Array {
  let range = 0
  return Uint8Array.from(starts, (start) => {
    while (range < set.length && set[range]![1] < start) range++
    return range < set.length && set[range]![0] <= start ? 1 : 0
  })
}

function setsOf(pattern: Pattern): CharacterSet[] {
  const found = new Set<CharacterSet>()
  const look = (item: Pattern): void => {
    if (item.kind === 'set') found.add(item.set)
    else if (item.kind === 'repeat') look(item.item)
    else if (item.kind === 'sequence' || item.kind === 'choice') item.items.forEach(look)
  }
  look(pattern)
  return [...found]
}

/** Whether a text is left. */
function prune({ next, isEnd, kindCount }: TextTable): boolean {
  const from: number[][] = Array.from(isEnd, () => [])
  next.forEach((to, i) => {
    if (to !== dead) from[to]!.push(Math.floor(i / kindCount))
  })
  const isAlive = Uint8Array.from(isEnd)
  const open = [...isEnd.keys()].filter((state) => isEnd[state] === 1)
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    for (const before of from[state]!) {
      if (isAlive[before] === 1) continue
      isAlive[before] = 1
      open.push(before)
    }
  }
  next.forEach((to, i) => {
    if (to !== dead && isAlive[to] === 0) next[i] = dead
  })
  return isAlive[0] === 1
}
