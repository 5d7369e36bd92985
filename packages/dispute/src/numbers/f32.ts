/** Arithmetic of spec/tensor.md §3 one number at a time, each step rounded to f32; what a contract computes with soft-float. */

const f = Math.fround

/** One node of a reduction: the sum from 0 in order. */
export function sumRun(values: Float32Array): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum = f(sum + values[i]!)
  return sum
}

export function dotRun(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum = f(sum + f(a[i]! * b[i]!))
  return sum
}

/** The largest, of equal ones the first. */
export function maxRun(values: Float32Array): number {
  let top = values[0]!
  for (let i = 1; i < values.length; i++) if (values[i]! > top) top = values[i]!
  return top
}

/** Sum over a list of any length (§3.1). */
export function foldDot(a: Float32Array, b: Float32Array): number {
  let sums = runsOf(a.length, (from, to) => dotRun(a.subarray(from, to), b.subarray(from, to)))
  while (sums.length > 1) {
    const list = sums
    sums = runsOf(list.length, (from, to) => sumRun(list.subarray(from, to)))
  }
  return sums[0]!
}

function runsOf(length: number, run: (from: number, to: number) => number): Float32Array {
  return Float32Array.from({ length: Math.ceil(length / 256) }, (_, i) => run(i * 256, Math.min(length, i * 256 + 256)))
}

const log2e = f(Math.LOG2E)
const [upper, lower] = [f(88.3), f(-87.3)]
const [high, low] = [f(0.693359375), f(2.1219444e-4)]
const coefficients = [1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1].map(f)

/** §3.2 */
export function exponential(x: number): number {
  const bounded = Math.max(Math.min(x, upper), lower)
  const n = nearestEven(f(bounded * log2e))
  const r = f(f(bounded - f(n * high)) + f(n * low))
  let p = f(1.98756915e-4)
  for (const c of coefficients) p = f(f(p * r) + c)
  p = f(f(f(f(p * r) * r) + r) + 1)
  return f(p * 2 ** n)
}

/** TENSOR §11.4: what a gate is divided by 1 + exp of, with the sign changed. */
export function geluSlope(x: number): number {
  return f(x * f(f(1.5957691216) + f(f(0.0713548163) * f(x * x))))
}

/** TENSOR §11.6 */
export function capped(x: number, cap: number): number {
  const ratio = f(x / cap)
  const e = exponential(-f(ratio + ratio))
  return f(f(f(f(1 - e) / f(1 + e)) * cap) + f(x - x))
}

export function nearestEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  if (rest < 0.5) return floor
  if (rest > 0.5) return floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

/** What §3.3 says of a block of 32: its scale, and what its values are multiplied with. */
export function scaleOf(block: Float32Array): { scale: number; factor: number } {
  let top = 0
  for (const value of block) top = Math.max(top, Math.abs(value))
  if (top < 2 ** -100) return { scale: 0, factor: 0 }
  return { scale: f(top / 32767), factor: f(32767 / top) }
}
