/** Walks down two trees of which only the roots are known to their first leaf that differs, sixteen ways at a time. Spec: spec/dispute.md §11.3. */
import { bytesEqual } from '@weightless/codec'
import { levelAbove } from '@weightless/crypto'
import { levelsAtOnce } from '../tree/firstDifference.ts'

export const sides = ['a', 'b'] as const
export type Side = (typeof sides)[number]
export type Pair<T> = { a: T; b: T }

type Ask = (side: Side, level: number, index: number) => Promise<readonly Uint8Array[] | undefined>

/** @returns the leaf, or who did not answer or not with what hashes to what it gave before */
export async function bisectPair(
  leaves: number,
  roots: Pair<Uint8Array>,
  ask: Ask,
): Promise<{ leaf: number } | { silent: Side[] }> {
  const widths = [leaves]
  while (widths.at(-1)! > 1) widths.push(Math.ceil(widths.at(-1)! / 2))
  let known = roots
  let index = 0
  for (let level = widths.length - 1; level > 0; ) {
    const down = Math.min(level, levelsAtOnce)
    const first = index << down
    const count = Math.min(widths[level - down]!, (index + 1) << down) - first
    const answers = { a: await ask('a', level, index), b: await ask('b', level, index) }
    const silent = sides.filter((side) => !leadsTo(answers[side], count, down, known[side]))
    if (silent.length > 0) return { silent }
    const [a, b] = [answers.a!, answers.b!]
    const at = a.findIndex((hash, i) => !bytesEqual(hash, b[i]!))
    known = { a: a[at]!, b: b[at]! }
    index = first + at
    level -= down
  }
  return { leaf: index }
}

function leadsTo(hashes: readonly Uint8Array[] | undefined, count: number, down: number, root: Uint8Array): boolean {
  if (hashes === undefined || hashes.length !== count || hashes.some((hash) => hash.length !== 32)) return false
  let level = [...hashes]
  for (let i = 0; i < down; i++) level = levelAbove(level)
  return bytesEqual(level[0]!, root)
}
