/** The choice of a token from its logits, in units that read at most 256 numbers. Spec: spec/tensor.md §7, spec/dispute.md §6. */
import { drawWords } from '@weightless/tensor/sampler/philox'
import { exponential } from '../numbers/f32.ts'
import { doubles, doubleWords, floats } from '../numbers/words.ts'
import { finite } from './finite.ts'
import type { Least, Rule, Table } from './rules.ts'
import type { ReadWords } from './wordReader.ts'

const f = Math.fround

type DrawRule = Extract<
  Rule,
  {
    kind:
      | 'times'
      | 'adjusted'
      | 'best'
      | 'draw'
      | 'weight'
      | 'weightSum'
      | 'cut'
      | 'kept'
      | 'tie'
      | 'keep'
      | 'walk'
      | 'record'
  }
>
type Of<Kind extends DrawRule['kind']> = Extract<DrawRule, { kind: Kind }>

export function drawUnitWords(rule: Rule): number {
  if (rule.kind === 'record') return 6
  if (rule.kind === 'walk') return 3
  return rule.kind === 'weightSum' || rule.kind === 'tie' ? 2 : 1
}

export function drawUnit(tables: readonly Table[], rule: DrawRule, index: number, words: ReadWords): Uint32Array {
  switch (rule.kind) {
    case 'times':
      return Uint32Array.of(timesOf(rule, index, words))
    case 'adjusted':
      return new Uint32Array(Float32Array.of(adjustedOf(rule, index, words)).buffer)
    case 'best':
      return Uint32Array.of(bestOf(rule, index, words))
    case 'draw': {
      const [high, low] = drawWords(rule.seed32, rule.index)
      return Uint32Array.of(index === 0 ? high : low)
    }
    case 'weight':
      return Uint32Array.of(weightOf(rule, index, words))
    case 'weightSum':
      return doubleWords(weightSumOf(rule, index / 2, words))
    case 'cut': {
      const [reached, all] = [doubleAt(words, rule.reached, 0), doubleAt(words, rule.all, 0)]
      const isEnough = reached > 0 && reached >= rule.topP * all
      return Uint32Array.of(isEnough ? leastOf(rule.least, words) : cutOf(rule.least, words))
    }
    case 'kept':
      return Uint32Array.of(countOf(rule, index * 256, words).reduce((sum, value) => sum + value, 0))
    case 'tie':
      return tieOf(rule, words)
    case 'keep': {
      const [weight, cut, last] = [words(rule.of, index, 1)[0]!, words(rule.cut, 0, 1)[0]!, words(rule.tie, 0, 1)[0]!]
      return Uint32Array.of(weight > cut || (weight === cut && index <= last) ? weight : 0)
    }
    case 'walk':
      return walk(rule, words)
    case 'record':
      return recordOf(tables, rule, words)
  }
}

/** A logit above the largest, which no honest working has, weighs as much as the largest. */
function weightOf(rule: Of<'weight'>, index: number, words: ReadWords): number {
  const shifted = f(floats(words(rule.logits, index, 1))[0]! - floats(words(rule.top, 0, 1))[0]!)
  return Math.trunc(f(exponential(f(Math.min(shifted, 0) / rule.temperature)) * 2 ** 31))
}

function weightSumOf(rule: Of<'weightSum'>, run: number, words: ReadWords): number {
  const least = rule.least && leastOf(rule.least, words)
  let sum = 0
  for (const value of numbersOf(rule, run * 256, words)) if (least === undefined || value >= least) sum += value
  return sum
}

function cutOf({ cut }: Least, words: ReadWords): number {
  return cut === undefined ? 0 : words(cut, 0, 1)[0]!
}

function leastOf(least: Least, words: ReadWords): number {
  return cutOf(least, words) + least.bit
}

function timesOf({ of, groupWords, isFirst }: Of<'times'>, index: number, words: ReadWords): number {
  const runs = Math.ceil(groupWords / 256)
  const [token, from] = [Math.floor(index / runs), (index % runs) * 256]
  const count = Math.min(256, groupWords - from)
  let sum = 0
  if (isFirst) for (const said of words(of, from, count)) sum += Number(said === token)
  else for (const times of words(of, token * groupWords + from, count)) sum += times
  return sum
}

/** Spec: spec/tensor.md §7.1 */
function adjustedOf({ logits, times, adjust }: Of<'adjusted'>, token: number, words: ReadWords): number {
  let logit = floats(words(logits, token, 1))[0]!
  const bias = adjust.bias.find(([biased]) => biased === token)
  if (bias) logit = f(logit + f(bias[1]))
  const count = times === undefined ? 0 : words(times, token, 1)[0]!
  if (count === 0) return logit
  return f(f(logit - f(count * f(adjust.frequency))) - f(adjust.presence))
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

/** Of the first stage 1 or 0 for each weight, of later ones how many were counted. */
function countOf(rule: Of<'kept'> | CountedTie, from: number, words: ReadWords): number[] {
  const numbers = words(rule.of, from, Math.min(256, rule.count - from))
  if (!rule.isFirst) return [...numbers]
  const equal = rule.equal === undefined ? undefined : words(rule.equal, 0, 1)[0]!
  return Array.from(numbers, (value) => Number(equal === undefined ? value > 0 : value === equal))
}

type CountedTie = Of<'tie'> & { equal: number }

/** The first of equal weights with which the share is reached; else the last of them. */
function tieOf(rule: Of<'tie'>, words: ReadWords): Uint32Array {
  const [cut, over] = [words(rule.cut, 0, 1)[0]!, doubleAt(words, rule.over, 0)]
  const needed = rule.topP * doubleAt(words, rule.all, 0)
  const [run, before] = rule.above === undefined ? [0, 0] : words(rule.above, 0, 2)
  const counts = countOf({ ...rule, equal: rule.cut }, run! * 256, words)
  let [sum, chosen, start] = [before!, 0, before!]
  for (let i = 0; i < counts.length; i++) {
    if (counts[i]! === 0) continue
    ;[chosen, start] = [i, sum]
    sum += counts[i]!
    if (over + sum * cut >= needed) break
  }
  return Uint32Array.of(run! * 256 + chosen, start)
}

/** The first number at which the running sum exceeds what was drawn; else the last that is not 0. */
function walk(rule: Of<'walk'>, words: ReadWords): Uint32Array {
  const [high, low] = words(rule.draw, 0, 2)
  const fraction = (high! * 2 ** 21 + (low! >>> 11)) / 2 ** 53
  const target = fraction * doubleAt(words, rule.total, 0)
  const [run, before] = rule.above === undefined ? [0, 0] : runAbove(words(rule.above, 0, 3))
  const numbers = numbersOf(rule, run * 256, words)
  let [sum, chosen, start] = [before, 0, before]
  for (let i = 0; i < numbers.length; i++) {
    if (numbers[i]! === 0) continue
    ;[chosen, start] = [i, sum]
    sum = finite(sum + numbers[i]!)
    if (Number.isNaN(sum)) return Uint32Array.of(0, ...doubleWords(sum))
    if (sum > target) break
  }
  return Uint32Array.of(run * 256 + chosen, ...doubleWords(start))
}

function runAbove(walked: Uint32Array): [run: number, before: number] {
  return [walked[0]!, doubles(walked.slice(1))[0]!]
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
