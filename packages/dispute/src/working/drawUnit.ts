/** The choice of a token from its logits, in units that read at most 256 numbers. Spec: spec/tensor.md §7, spec/dispute.md §6. */
import { drawWords } from '@weightless/tensor/sampler/philox'
import { exponential } from '../numbers/f32.ts'
import { doubles, doubleWords, floats } from '../numbers/words.ts'
import type { Rule, Table } from './rules.ts'
import type { ReadWords } from './wordReader.ts'

const f = Math.fround

type DrawRule = Extract<Rule, { kind: 'best' | 'draw' | 'weight' | 'weightSum' | 'kept' | 'walk' | 'record' }>
type Of<Kind extends DrawRule['kind']> = Extract<DrawRule, { kind: Kind }>

export function drawUnitWords(rule: Rule): number {
  return rule.kind === 'weightSum' ? 2 : 1
}

export function drawUnit(tables: readonly Table[], rule: DrawRule, index: number, words: ReadWords): Uint32Array {
  switch (rule.kind) {
    case 'best':
      return Uint32Array.of(bestOf(rule, index, words))
    case 'draw': {
      const [high, low] = drawWords(rule.seed32, rule.index)
      return Uint32Array.of(index === 0 ? high : low)
    }
    case 'weight': {
      const shifted = f(floats(words(rule.logits, index, 1))[0]! - floats(words(rule.top, 0, 1))[0]!)
      const scaled = f(exponential(f(shifted / rule.temperature)) * 2 ** 31)
      return Uint32Array.of(Math.trunc(scaled))
    }
    case 'weightSum':
      return doubleWords(numbersOf(rule, (index / 2) * 256, words).reduce((sum, value) => sum + value, 0))
    case 'kept': {
      const numbers = words(rule.of, index * 256, Math.min(256, rule.count - index * 256))
      return Uint32Array.of(numbers.reduce((sum, value) => sum + (rule.isFirst ? Number(value > 0) : value), 0))
    }
    case 'walk':
      return walk(rule, words)
    case 'record':
      return recordOf(tables, rule, words)
  }
}

function bestOf(rule: Of<'best'>, run: number, words: ReadWords): number {
  const from = run * 256
  const count = Math.min(256, rule.count - from)
  const top = floats(words(rule.top, from, count))
  let at = 0
  for (let i = 1; i < count; i++) if (top[i]! > top[at]!) at = i
  return rule.best === undefined ? from + at : words(rule.best, from + at, 1)[0]!
}

/** Weights are u32, sums of them f64. */
function numbersOf(rule: { of: number; count: number; isFirst: boolean }, from: number, words: ReadWords): number[] {
  const count = Math.min(256, rule.count - from)
  if (rule.isFirst) return [...words(rule.of, from, count)]
  return [...doubles(words(rule.of, from * 2, count * 2))]
}

/** The first number at which the running sum exceeds what was drawn; else the last that is not 0. */
function walk(rule: Of<'walk'>, words: ReadWords): Uint32Array {
  const [high, low] = words(rule.draw, 0, 2)
  const fraction = (high! * 2 ** 21 + (low! >>> 11)) / 2 ** 53
  const target = fraction * doubleAt(words, rule.total, 0)
  const [run, before] =
    rule.above === undefined ? [0, 0] : [words(rule.above, 0, 1)[0]!, doubleAt(words, rule.above, 1)]
  const numbers = numbersOf(rule, run * 256, words)
  let [sum, chosen, start] = [before, 0, before]
  for (let i = 0; i < numbers.length; i++) {
    if (numbers[i]! === 0) continue
    ;[chosen, start] = [i, sum]
    sum += numbers[i]!
    if (sum > target) break
  }
  return Uint32Array.of(run * 256 + chosen, ...doubleWords(start))
}

function recordOf(tables: readonly Table[], rule: Of<'record'>, words: ReadWords): Uint32Array {
  const token = words(rule.token, 0, 1)[0]!
  if (rule.drawn === undefined) return Uint32Array.of(token, 1, 0, 0, 0, 0)
  const { total, draw, kept } = rule.drawn
  const keptCount = words(kept, tables[kept]!.words - 1, 1)[0]!
  return Uint32Array.of(token, keptCount, ...words(total, 0, 2), ...words(draw, 0, 2))
}

/** The f64 that begins at word `at`. */
function doubleAt(words: ReadWords, table: number, at: number): number {
  return doubles(words(table, at, 2))[0]!
}
