/** Numbers that are not finite show nothing: which words stand for such ones, and steps that would hide one. Spec: spec/dispute.md §5.1. */
import { type Rule, tokenOfStep } from './rules.ts'

/** The number, or NaN for an infinite one, so that a later step (1 ÷ ∞, a clamp) does not make it finite again. */
export function finite(value: number): number {
  return Number.isFinite(value) ? value : Number.NaN
}

/**
 * Whether no number that words of a table with this rule stand for is infinite or NaN; integers and states never are.
 *
 * @param from - place in the table of the first of the words
 */
export function areFinite(rule: Rule, words: Uint32Array, from: number): boolean {
  switch (rule.kind) {
    case 'chain':
    case 'quantise':
    case 'sum':
    case 'times':
    case 'best':
    case 'draw':
    case 'weight':
    case 'cut':
    case 'kept':
    case 'tie':
    case 'keep':
    case 'record':
      return true
    case 'walk':
      // The last of three words is the high half of the sum.
      return words.every((word, i) => (from + i) % 3 !== 2 || (word & 0x7ff00000) !== 0x7ff00000)
    case 'guess':
    case 'power':
    case 'angle':
    case 'weightSum':
      // The high half, which comes second, has the exponent.
      return words.every((word, i) => (from + i) % 2 === 0 || (word & 0x7ff00000) !== 0x7ff00000)
    case 'source':
      return rule.operator === tokenOfStep || areSingles(words)
    default:
      return areSingles(words)
  }
}

function areSingles(words: Uint32Array): boolean {
  return words.every((word) => (word & 0x7f800000) !== 0x7f800000)
}
