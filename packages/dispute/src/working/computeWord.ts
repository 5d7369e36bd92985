/**
 * The rule of one word: reads what it needs of earlier tables and of the model's file, and gives the word. Whoever makes a
 * working and whoever judges one word of it call the same function. Spec: spec/dispute.md §5.
 */
import type { GgufTensor } from '@weightless/tensor'
import { readAdapterRow } from '../numbers/adapterRow.ts'
import * as f32 from '../numbers/f32.ts'
import { readElement, readFloats, readWeights } from '../numbers/weightBlock.ts'
import { doubles, doubleWords, floats, signed } from '../numbers/words.ts'
import { chainState } from './chainState.ts'
import { drawUnit, drawUnitWords } from './drawUnit.ts'
import { finite } from './finite.ts'
import type { Rule, Table } from './rules.ts'
import { anglesOf, guessOf, powerOf, turnOf } from './turns.ts'
import type { ReadWords, WordReader } from './wordReader.ts'

const f = Math.fround

/** Words that a rule gives at once: a state of eight, an f64 of two, else one. */
export function unitWords(rule: Rule): number {
  if (rule.kind === 'chain') return 8
  return rule.kind === 'guess' || rule.kind === 'power' || rule.kind === 'angle' ? 2 : drawUnitWords(rule)
}

/** @param index - of the first word of the unit; the table is no source */
export function computeUnit(tables: readonly Table[], table: number, index: number, read: WordReader): Uint32Array {
  const { rule } = tables[table]!
  switch (rule.kind) {
    case 'chain':
      return chainState(rule, table, index / 8, read.words)
    case 'guess':
      return doubleWords(guessOf(rule, index / 2, (i) => doubleAt(read.words, table, i)))
    case 'power':
      return doubleWords(powerOf(rule, tables, index / 2, table, (t, i) => doubleAt(read.words, t, i)))
    case 'angle':
      return doubleWords(anglesOf(rule, index / 2, doubleAt(read.words, rule.power, index / 2), read.file))
    case 'times':
    case 'adjusted':
    case 'best':
    case 'draw':
    case 'weight':
    case 'weightSum':
    case 'cut':
    case 'kept':
    case 'tie':
    case 'keep':
    case 'walk':
    case 'record':
      return drawUnit(tables, rule, index, read.words)
    case 'quantise':
    case 'sum':
      return new Uint32Array(Int32Array.of(integerOf(rule, index, read.words)).buffer)
    default:
      return new Uint32Array(Float32Array.of(floatOf(tables, rule, index, read)).buffer)
  }
}

function integerOf(rule: Extract<Rule, { kind: 'quantise' | 'sum' }>, index: number, words: ReadWords): number {
  if (rule.kind === 'sum') return signed(words(rule.q, index * 32, 32)).reduce((sum, value) => sum + value, 0)
  const block = floats(words(rule.x, (index >> 5) * 32, 32))
  return f32.nearestEven(f(block[index & 31]! * f32.scaleOf(block).factor))
}

function floatOf(tables: readonly Table[], rule: Rule, index: number, { words, file }: WordReader): number {
  const one = (table: number, at: number) => floats(words(table, at, 1))[0]!
  switch (rule.kind) {
    case 'fold':
      return foldRun(rule.how, floats(words(rule.of, ...runOf(index, rule.groupWords))))
    case 'foldDot': {
      const [from, count] = runOf(index, rule.groupWords)
      const group = Math.floor(index / Math.ceil(rule.groupWords / 256))
      const [head, d] = [Math.floor(group / rule.headSize), group % rule.headSize]
      const within = from - group * rule.groupWords
      const valueRow = Math.floor(head / rule.headsPerKey) * rule.headSize + d
      const weights = floats(words(rule.weights, head * rule.groupWords + within, count))
      return f32.dotRun(weights, floats(words(rule.values, valueRow * rule.groupWords + within, count)))
    }
    case 'foldWeights': {
      const [from, count] = runOf(index, rule.columns)
      const row = Math.floor(from / rule.columns)
      const within = from - row * rule.columns
      return f32.dotRun(readFloats(rule.matrix, row, within, count, file), floats(words(rule.x, within, count)))
    }
    case 'foldAdapter': {
      const { columns } = rule.part
      const [from, count] = runOf(index, columns)
      const row = Math.floor(from / columns)
      const within = from - row * columns
      return f32.dotRun(readAdapterRow(rule.part, row, within, count, file), floats(words(rule.x, within, count)))
    }
    case 'adapted':
      return f(one(rule.of, index) + f(one(rule.high, index) * rule.scale))
    case 'inverseRms':
      return f(1 / finite(f(Math.sqrt(f(f(one(rule.sum, index) / rule.count) + f(rule.epsilon))))))
    case 'norm':
      return f(f(one(rule.x, index) * one(rule.inverse, 0)) * readFloats(rule.weight, 0, index, 1, file)[0]!)
    case 'bias':
      return f(one(rule.x, index) + elementOf(rule.parts, index, file))
    case 'headNorm':
      return headNormed(rule, index, one, file)
    case 'cap':
      return f32.capped(one(rule.x, index), rule.cap)
    case 'scale':
      return f32.scaleOf(floats(words(rule.x, index * 32, 32))).scale
    case 'term':
      return termOf(rule, index, { words, file })
    case 'join':
      return joined(rule.parts, index, one)
    case 'embed':
      return scaled(readElement(rule.matrix, rule.token, index, file), rule.factor)
    case 'turn':
      return turnOf(rule, index, doubleAt(words, rule.angle, index % rule.pairs))
    case 'rotate':
      return rotated(rule, index, words)
    case 'exp': {
      const head = Math.floor(index / rule.positions)
      return f32.exponential(finite(f(one(rule.score, index) - one(rule.top, head))))
    }
    case 'score':
    case 'gather':
      return attended(rule, index, words)
    case 'mix':
      return f(one(rule.sum, index) / one(rule.total, Math.floor(index / rule.headSize)))
    case 'add':
      return f(one(rule.x, index) + one(rule.y, index))
    case 'gate': {
      const gate = one(rule.both, index)
      const slope = rule.curve === 'gelu' ? f32.geluSlope(gate) : gate
      return f(f(gate / f(1 + f32.exponential(-slope))) * one(rule.both, rule.width + index))
    }
    default:
      throw new Error(`no word of a ${rule.kind} in ${tables.length} tables`)
  }
}

/** First word and length of the run that word `index` of a fold is of. */
function runOf(index: number, groupWords: number): [number, number] {
  const runs = Math.ceil(groupWords / 256)
  const [group, run] = [Math.floor(index / runs), index % runs]
  return [group * groupWords + run * 256, Math.min(256, groupWords - run * 256)]
}

function foldRun(how: 'sum' | 'max' | 'square', values: Float32Array): number {
  if (how === 'sum') return f32.sumRun(values)
  return how === 'max' ? f32.maxRun(values) : f32.dotRun(values, values)
}

function termOf(rule: Extract<Rule, { kind: 'term' }>, index: number, { words, file }: WordReader): number {
  const blocks = rule.columns / 32
  const [row, block] = [Math.floor(index / blocks), index % blocks]
  const { scales, minima, integers } = readWeights(rule.matrix, row, block, file)
  const q = signed(words(rule.q, block * 32, 32))
  // Whether or not there are minima: contracts read it of every type, and who accuses shows what was read here.
  const whole = signed(words(rule.sum, block, 1))[0]!
  const size = 32 / scales.length
  const values = scales.map((scale, part) => {
    const [from, to] = [part * size, (part + 1) * size]
    let dot = 0
    for (let i = from; i < to; i++) dot += q[i]! * integers[i]!
    const scaled = f(scale * f(dot))
    if (minima.length === 0) return scaled
    const sum = scales.length === 1 ? whole : q.slice(from, to).reduce((a, b) => a + b, 0)
    return f(scaled + f(minima[part]! * f(sum)))
  })
  const value = values.length === 1 ? values[0]! : f(values[0]! + values[1]!)
  return f(floats(words(rule.scale, block, 1))[0]! * value)
}

function joined(
  parts: readonly { table: number; words: number }[],
  index: number,
  one: (table: number, at: number) => number,
): number {
  let at = index
  for (const part of parts) {
    if (at < part.words) return one(part.table, at)
    at -= part.words
  }
  throw new Error('a word beyond its parts')
}

function scaled(value: number, factor: number): number {
  return factor === 1 ? value : f(value * factor)
}

/** Element `index` of vectors side by side. */
function elementOf(parts: readonly GgufTensor[], index: number, file: WordReader['file']): number {
  let at = index
  for (const part of parts) {
    const length = part.shape[0]!
    if (at < length) return readFloats(part, 0, at, 1, file)[0]!
    at -= length
  }
  throw new Error('an element beyond its vectors')
}

function headNormed(
  rule: Extract<Rule, { kind: 'headNorm' }>,
  index: number,
  one: (table: number, at: number) => number,
  file: WordReader['file'],
): number {
  const [head, d] = [Math.floor(index / rule.headSize), index % rule.headSize]
  const value = one(rule.x, index)
  if (head >= rule.heads + rule.keyHeads) return value
  const weight = readFloats(head < rule.heads ? rule.query : rule.key, 0, d, 1, file)[0]!
  return f(f(value * one(rule.inverse, head)) * weight)
}

function rotated(rule: Extract<Rule, { kind: 'rotate' }>, index: number, words: ReadWords): number {
  const d = index % rule.headSize
  if (index >= rule.turned || d >= rule.rotated) return floats(words(rule.raw, index, 1))[0]!
  const half = rule.rotated / 2
  const [pair, isSecond] = rule.halves ? [d % half, d >= half] : [d >> 1, (d & 1) === 1]
  const step = rule.halves ? half : 1
  const first = index - (isSecond ? step : 0)
  const even = floats(words(rule.raw, first, 1))[0]!
  const odd = floats(words(rule.raw, first + step, 1))[0]!
  const cosine = floats(words(rule.turn, pair, 1))[0]!
  const sine = floats(words(rule.turn, half + pair, 1))[0]!
  return isSecond ? f(f(odd * cosine) + f(even * sine)) : f(f(even * cosine) + f(odd * -sine))
}

function attended(rule: Extract<Rule, { kind: 'score' | 'gather' }>, index: number, words: ReadWords): number {
  const { heads, keyHeads, headSize } = rule.shape
  const [group, j] = [Math.floor(index / rule.positions), index % rule.positions]
  if (rule.kind === 'gather') {
    return floats(words(rule.rows, j * rule.rowWords + (heads + keyHeads) * headSize + group, 1))[0]!
  }
  const query = words(rule.rows, (rule.positions - 1) * rule.rowWords + group * headSize, headSize)
  const keyHead = Math.floor((group * keyHeads) / heads)
  const key = words(rule.rows, j * rule.rowWords + (heads + keyHead) * headSize, headSize)
  return f(f32.foldDot(floats(query), floats(key)) * rule.factor)
}

function doubleAt(words: ReadWords, table: number, index: number): number {
  return doubles(words(table, index * 2, 2))[0]!
}
