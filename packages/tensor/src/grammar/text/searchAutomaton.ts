/** Whether a pattern is found in a text, character by character: sets of places in the pattern, made as they are met. Spec: spec/tensor.md §7.3.1. */
import type { CharacterSet } from './characterSet.ts'
import { type Pattern, refusePattern, type Search } from './parsePattern.ts'

export type SearchAutomaton = {
  start: number
  /** @param kind - of the character: characters of a kind lie in the same sets of the pattern */
  step(state: number, kind: number): number
  /** Whether a text that ends here obeys. */
  isGood(state: number): boolean
}

/** What the patterns of one request have used up. */
export type TextBudget = { parts: number; visits: number; transitions: number }

/** `parts`: characters, groups and places of all patterns, once their counts are written out. */
export const textLimits = { parts: 8_192, visits: 2 ** 21, transitions: 2 ** 19, kinds: 256 } as const

type Part = { set?: CharacterSet; place?: 'begin' | 'end'; next: number[] }

/** @param kindsOf - the kinds of characters that lie in a set of the pattern */
export function createSearchAutomaton(
  { pattern, isAbsent }: Search,
  kindsOf: (set: CharacterSet) => Uint8Array,
  budget: TextBudget,
  at: string,
): SearchAutomaton {
  const parts = layOut(pattern, budget, at)
  const [first, last] = [parts.length - 1, 0]
  const kinds = parts.map(({ set }) => set && kindsOf(set))
  const states: { members: readonly number[]; isFound: boolean; isStart: boolean }[] = []
  const known = new Map<string, number>()
  const steps = new Map<number, number>()
  const seen = new Uint32Array(parts.length)
  let round = 0

  /** Parts that wait for a character or for the end of the text, reached without one. */
  function closeOver(from: readonly number[], isBegin: boolean, isEnd: boolean) {
    round++
    const members: number[] = []
    const open = [...from]
    let isFound = false
    for (let part = open.pop(); part !== undefined; part = open.pop()) {
      if (seen[part] === round) continue
      seen[part] = round
      if (++budget.visits > textLimits.visits) refusePattern(at, 'takes too much work')
      const { set, place, next } = parts[part]!
      if (part === last) isFound = true
      if (set || (place === 'end' && !isEnd)) members.push(part)
      else if (place !== 'begin' || isBegin) open.push(...next)
    }
    return { members: members.sort((a, b) => a - b), isFound }
  }

  function keep(from: readonly number[], isStart: boolean): number {
    const { members, isFound } = closeOver(from, isStart, false)
    // Once found it stays found.
    const key = isFound ? 'found' : `${isStart ? '^' : ''}${members.join()}`
    let state = known.get(key)
    if (state === undefined) {
      state = states.length
      states.push({ members: isFound ? [] : members, isFound, isStart })
      known.set(key, state)
    }
    return state
  }

  return {
    start: keep([first], true),
    step(state, kind) {
      const { members, isFound } = states[state]!
      if (isFound) return state
      const key = state * textLimits.kinds + kind
      let to = steps.get(key)
      if (to === undefined) {
        const passed = members.filter((part) => kinds[part]?.[kind] === 1)
        // Or it begins here.
        to = keep([...passed.flatMap((part) => parts[part]!.next), first], false)
        steps.set(key, to)
      }
      return to
    },
    isGood(state) {
      const { members, isFound, isStart } = states[state]!
      const ends = members.filter((part) => parts[part]!.place === 'end').flatMap((part) => parts[part]!.next)
      return (isFound || closeOver(ends, isStart, true).isFound) !== isAbsent
    },
  }
}

/** The pattern from its end to its beginning; the last of the list is the first to be passed. */
function layOut(pattern: Pattern, budget: TextBudget, at: string): Part[] {
  const parts: Part[] = [{ next: [] }]
  function add(part: Part): number {
    if (++budget.parts > textLimits.parts) refusePattern(at, `makes more than ${textLimits.parts} parts`)
    return parts.push(part) - 1
  }
  /** @param then - what comes after it @returns where it begins */
  function lay(item: Pattern, then: number): number {
    if (item.kind === 'set') return add({ set: item.set, next: [then] })
    if (item.kind === 'begin' || item.kind === 'end') return add({ place: item.kind, next: [then] })
    if (item.kind === 'sequence') return item.items.reduceRight((after, each) => lay(each, after), then)
    if (item.kind === 'choice') return add({ next: item.items.map((each) => lay(each, then)) })
    let begin = then
    if (item.max === Infinity) {
      const loop: Part = { next: [then] }
      begin = add(loop)
      loop.next.push(lay(item.item, begin))
    } else {
      for (let i = item.min; i < item.max; i++) begin = add({ next: [then, lay(item.item, begin)] })
    }
    for (let i = 0; i < item.min; i++) {
      const before = lay(item.item, begin)
      // Nothing, however often.
      if (before === begin) break
      begin = before
    }
    return begin
  }
  add({ next: [lay(pattern, 0)] })
  return parts
}
