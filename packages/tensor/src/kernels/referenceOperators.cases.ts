/**
 * The operators of spec/tensor.md §3 written again, one number at a time with `Math.fround`, from the page and not from the
 * kernels: what every kernel must equal bit for bit.
 */
import type { WeightBlock } from '../gguf/readBlock.ts'

const f = Math.fround

/** Fold in runs of 256, then over the runs (§3.1). */
export function fold(values: readonly number[]): number {
  const run = (list: readonly number[]) => list.reduce((sum, value) => f(sum + value), 0)
  if (values.length <= 256) return run(values)
  const runs: number[] = []
  for (let i = 0; i < values.length; i += 256) runs.push(run(values.slice(i, i + 256)))
  return fold(runs)
}

/** §3.2 */
export function exponential(x: number): number {
  const bounded = Math.max(Math.min(x, f(88.3)), f(-87.3))
  const n = roundEven(f(bounded * f(Math.LOG2E)))
  let r = f(bounded - f(n * f(0.693359375)))
  r = f(r + f(n * f(2.1219444e-4)))
  let p = f(1.98756915e-4)
  for (const c of [1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1]) {
    p = f(f(p * r) + f(c))
  }
  p = f(f(f(f(p * r) * r) + r) + 1)
  return f(p * 2 ** n)
}

export function roundEven(x: number): number {
  const low = Math.floor(x)
  const rest = x - low
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1
  return low % 2 === 0 ? low : low + 1
}

export type Quantised = { integers: number[]; scales: number[] }

/** §3.3 */
export function quantise(x: readonly number[]): Quantised {
  const result: Quantised = { integers: [], scales: [] }
  for (let start = 0; start < x.length; start += 32) {
    const block = x.slice(start, start + 32)
    const top = Math.max(...block.map(Math.abs))
    const tiny = top < 2 ** -100
    const factor = tiny ? 0 : f(32767 / top)
    const integers = block.map((value) => roundEven(f(value * factor)) + 0)
    result.integers.push(...integers)
    result.scales.push(tiny ? 0 : f(top / 32767))
  }
  return result
}

/** §3.4: one row of a quantised matrix, in blocks of 32 columns, times quantised activations. */
export function dotQuantised(row: readonly WeightBlock[], x: Quantised): number {
  const blocks = row.map(({ scales, minima, integers }, block) => {
    const size = 32 / scales.length
    const parts = scales.map((scale, part) => {
      const q = x.integers.slice(block * 32 + part * size, block * 32 + (part + 1) * size)
      const dot = q.reduce((sum, value, i) => sum + value * integers[part * size + i]!, 0)
      const scaled = f(scale * f(dot))
      if (minima.length === 0) return scaled
      return f(scaled + f(minima[part]! * f(q.reduce((sum, value) => sum + value, 0))))
    })
    return f(x.scales[block]! * (parts.length === 1 ? parts[0]! : f(parts[0]! + parts[1]!)))
  })
  return fold(blocks)
}

/** §3.4: one row of a float matrix. */
export function dotFloat(row: readonly number[], x: readonly number[]): number {
  return fold(row.map((weight, i) => f(weight * x[i]!)))
}

/** §3.5 */
export function rmsNorm(x: readonly number[], weight: readonly number[], epsilon: number): number[] {
  const mean = f(fold(x.map((value) => f(value * value))) / x.length)
  const inverse = f(1 / f(Math.sqrt(f(mean + f(epsilon)))))
  return x.map((value, i) => f(f(value * inverse) * weight[i]!))
}

/** §3.6: one query head over keys and values [position][size]. */
export function attend(
  q: readonly number[],
  keys: number[][],
  values: number[][],
  factor: number,
  cap: number = 0,
): number[] {
  const free = keys.map((key) => f(fold(q.map((value, d) => f(value * key[d]!))) * factor))
  const scores = cap === 0 ? free : free.map((score) => capped(score, cap))
  const top = Math.max(...scores)
  const weights = scores.map((score) => exponential(f(score - top)))
  const total = fold(weights)
  return q.map((_, d) => f(fold(weights.map((weight, t) => f(weight * values[t]![d]!))) / total))
}

/** §11.3: value i of a head turns with value i + n/2; cosines and sines are of the n/2 pairs, what lies behind n stays. */
export function rotateHalves(head: readonly number[], cosines: readonly number[], sines: readonly number[]): number[] {
  const half = cosines.length
  return head.map((value, i) => {
    if (i >= 2 * half) return value
    if (i < half) return f(f(value * cosines[i]!) + f(head[i + half]! * -sines[i]!))
    return f(f(value * cosines[i - half]!) + f(head[i - half]! * sines[i - half]!))
  })
}

/** §11.4 */
export function geluMultiply(gate: number, up: number): number {
  const slope = f(gate * f(f(1.5957691216) + f(f(0.0713548163) * f(gate * gate))))
  return f(f(gate / f(1 + exponential(-slope))) * up)
}

/** §11.6 */
export function capped(x: number, cap: number): number {
  const ratio = f(x / cap)
  const e = exponential(-f(ratio + ratio))
  return f(f(f(f(1 - e) / f(1 + e)) * cap) + f(x - x))
}

/** §3.7 */
export function siluMultiply(gate: number, up: number): number {
  return f(f(gate / f(1 + exponential(-gate))) * up)
}
