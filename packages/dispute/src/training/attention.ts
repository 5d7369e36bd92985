/** Causal attention of one row of tokens, forward and backward, one number at a time. Spec: spec/tensor.md §3.6, spec/training.md §3.4. */
import { exponential } from '../numbers/f32.ts'
import { f, foldOf, remember } from './rules.ts'
import type { ReadWord } from './stepTable.ts'

export type Heads = { headCount: number; keyHeadCount: number; headSize: number }

/** Widths of queries, of keys, and of both with values, which lie side by side. */
export function widths({ headCount, keyHeadCount, headSize }: Heads) {
  const [query, key] = [headCount * headSize, keyHeadCount * headSize]
  return { query, key, all: query + 2 * key }
}

/** Softened scores of a query, and their sum. */
function softenedRows(qkv: ReadWord, heads: Heads) {
  const { headCount, keyHeadCount, headSize } = heads
  const { query, all } = widths(heads)
  const factor = f(1 / Math.sqrt(headSize))
  return remember((key) => {
    const [t, head] = [Math.floor(key / headCount), key % headCount]
    const keyAt = query + Math.floor(head / (headCount / keyHeadCount)) * headSize
    const scores = Array.from({ length: t + 1 }, (_, j) => {
      return f(foldOf(headSize, (d) => f(qkv(t * all + head * headSize + d) * qkv(j * all + keyAt + d))) * factor)
    })
    const top = scores.reduce((most, score) => (score > most ? score : most))
    const e = scores.map((score) => exponential(f(score - top)))
    return { e, z: foldOf(t + 1, (j) => e[j]!) }
  })
}

/** out[t][head · size + d] */
export function mix(qkv: ReadWord, heads: Heads): ReadWord {
  const { headCount, keyHeadCount, headSize } = heads
  const { query, key, all } = widths(heads)
  const soft = softenedRows(qkv, heads)
  return (index) => {
    const [t, inRow] = [Math.floor(index / query), index % query]
    const [head, d] = [Math.floor(inRow / headSize), inRow % headSize]
    const { e, z } = soft(t * headCount + head)
    const valueAt = query + key + Math.floor(head / (headCount / keyHeadCount)) * headSize + d
    return f(foldOf(t + 1, (j) => f(e[j]! * qkv(j * all + valueAt))) / z)
  }
}

/** Gradients of queries, keys and values, before they are rotated back. @param dMix - gradient of `mix` */
export function mixBack(qkv: ReadWord, dMix: ReadWord, heads: Heads, length: number): ReadWord {
  const { headCount, keyHeadCount, headSize } = heads
  const { query, key, all } = widths(heads)
  const share = headCount / keyHeadCount
  const factor = f(1 / Math.sqrt(headSize))
  const soft = softenedRows(qkv, heads)
  const slopes = remember((at) => {
    const [t, head] = [Math.floor(at / headCount), at % headCount]
    const { e, z } = soft(at)
    const p = e.map((value) => f(value / z))
    const valueAt = query + key + Math.floor(head / share) * headSize
    const dp = p.map((_, j) =>
      foldOf(headSize, (d) => f(dMix(t * query + head * headSize + d) * qkv(j * all + valueAt + d))),
    )
    const mean = foldOf(t + 1, (j) => f(p[j]! * dp[j]!))
    return { p, ds: p.map((value, j) => f(f(value * f(dp[j]! - mean)) * factor)) }
  })
  /** Heads that share a key head, added in order; each a fold over all queries, of which those before j give nothing. */
  const shared = (keyHead: number, term: (head: number, t: number) => number, j: number): number => {
    const parts = Array.from({ length: share }, (_, i) => {
      return foldOf(length, (t) => (t < j ? 0 : term(keyHead * share + i, t)))
    })
    return parts.reduce((sum, part) => f(sum + part))
  }
  return (index) => {
    const [t, inRow] = [Math.floor(index / all), index % all]
    const d = inRow % headSize
    if (inRow < query) {
      const head = Math.floor(inRow / headSize)
      const keyAt = query + Math.floor(head / share) * headSize + d
      const { ds } = slopes(t * headCount + head)
      return foldOf(t + 1, (j) => f(ds[j]! * qkv(j * all + keyAt)))
    }
    if (inRow < query + key) {
      const keyHead = Math.floor((inRow - query) / headSize)
      return shared(
        keyHead,
        (head, i) => f(slopes(i * headCount + head).ds[t]! * qkv(i * all + head * headSize + d)),
        t,
      )
    }
    const keyHead = Math.floor((inRow - query - key) / headSize)
    return shared(
      keyHead,
      (head, i) => f(slopes(i * headCount + head).p[t]! * dMix(i * query + head * headSize + d)),
      t,
    )
  }
}

/** Rotates queries and keys by position, or back; values stay. */
export function turn(
  x: ReadWord,
  heads: Heads,
  rotated: number,
  table: { cosines: Float32Array; sines: Float32Array },
  sign: 1 | -1,
): ReadWord {
  const { headSize } = heads
  const { query, key, all } = widths(heads)
  return (index) => {
    const [t, inRow] = [Math.floor(index / all), index % all]
    const inHead = inRow % headSize
    if (inRow >= query + key || inHead >= rotated) return x(index)
    const at = t * rotated + inHead
    return f(f(x(index) * table.cosines[at]!) + f(x(index ^ 1) * (sign * table.sines[at]!)))
  }
}
