/** The rotation's table, one exactly rounded f64 step at a time. Spec: spec/tensor.md §3.5, spec/dispute.md §5. */
import { sineCosine } from '@weightless/tensor/model/ropeTable'
import { type ReadFile, readFloats } from '../numbers/weightBlock.ts'
import { finite } from './finite.ts'
import type { Rule, Table } from './rules.ts'

type Of<Kind extends Rule['kind']> = Extract<Rule, { kind: Kind }>

/** Newton's next guess, or the same where it would not be less. */
export function guessOf(rule: Of<'guess'>, index: number, guess: (index: number) => number): number {
  if (index === 0) return 1
  const last = guess(index - 1)
  let power = 1
  for (let i = 1; i < rule.degree; i++) power *= last
  const next = last - (power * last - 1 / rule.base) / finite(rule.degree * power)
  return Math.min(finite(next), last)
}

export function powerOf(
  rule: Of<'power'>,
  tables: readonly Table[],
  index: number,
  own: number,
  double: (table: number, index: number) => number,
): number {
  if (index === 0) return 1
  return double(own, index - 1) * double(rule.guess, tables[rule.guess]!.words / 2 - 1)
}

export function anglesOf(rule: Of<'angle'>, index: number, power: number, file: ReadFile): number {
  return rule.factors === undefined
    ? power / rule.divisor
    : power / finite(readFloats(rule.factors, 0, index, 1, file)[0]!)
}

/** Cosines of all pairs, then their sines; NaN where the angle lies outside of 0 to 2^62. */
export function turnOf(rule: Of<'turn'>, index: number, angle: number): number {
  const turned = rule.position * angle
  if (!(turned >= 0 && turned < 2 ** 62) || Object.is(turned, -0)) return Number.NaN
  const { sine, cosine } = sineCosine(turned)
  return Math.fround(index < rule.pairs ? cosine : sine)
}
