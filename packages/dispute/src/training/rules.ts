/** What several operators of a training step are made of, one number at a time. Spec: spec/tensor.md §3, spec/training.md §3. */
import { exponential } from '../numbers/f32.ts'
import type { ReadTable, ReadWord } from './stepTable.ts'

export const f = Math.fround

export function square(x: number): number {
  return f(x * x)
}

/** The fold of `count` terms in runs of 256. */
export function foldOf(count: number, term: (i: number) => number): number {
  let sums: number[] = []
  for (let start = 0; start < count; start += 256) {
    let sum = 0
    for (let i = start; i < Math.min(start + 256, count); i++) sum = f(sum + term(i))
    sums.push(sum)
  }
  while (sums.length > 1) {
    const list = sums
    sums = []
    for (let start = 0; start < list.length; start += 256) {
      sums.push(list.slice(start, start + 256).reduce((sum, value) => f(sum + value), 0))
    }
  }
  return sums[0] ?? 0
}

/** Remembers what a function gave. */
export function remember<T>(make: (key: number) => T): (key: number) => T {
  const known = new Map<number, T>()
  return (key) => {
    const found = known.get(key)
    if (found !== undefined) return found
    const made = make(key)
    known.set(key, made)
    return made
  }
}

/** Σ over columns of x[position][column] · w[row][column], for rows of `width` values. */
export function product(x: ReadWord, w: ReadWord, width: number): (position: number, row: number) => number {
  return (position, row) => foldOf(width, (c) => f(x(position * width + c) * w(row * width + c)))
}

/** Σ over rows of y[position][row] · w[row][column]; `yWidth` values lie in a row of y, those wanted from `first`. */
export function productBack(
  y: ReadWord,
  w: ReadWord,
  shape: { rows: number; columns: number; yWidth?: number; first?: number },
) {
  const { rows, columns, yWidth = rows, first = 0 } = shape
  return (position: number, column: number): number =>
    foldOf(rows, (r) => f(y(position * yWidth + first + r) * w(r * columns + column)))
}

/** k of the normalisation of row `position` of x. */
export function inverseRms(x: ReadWord, width: number, epsilon: number): (position: number) => number {
  return remember((position) => {
    const squares = foldOf(width, (i) => square(x(position * width + i)))
    return f(1 / f(Math.sqrt(f(f(squares / width) + f(epsilon)))))
  })
}

/** What normalisation adds to the gradient of its input, as a function of its position and column. */
export function normBack(x: ReadWord, weight: ReadWord, dy: ReadWord, width: number, epsilon: number) {
  const k = inverseRms(x, width, epsilon)
  const back = remember((position) => {
    const at = position * width
    const products = foldOf(width, (i) => f(f(weight(i) * dy(at + i)) * x(at + i)))
    const factor = k(position)
    return f(f(f(f(factor * factor) * factor) * products) / width)
  })
  return (position: number, i: number): number => {
    const at = position * width + i
    return f(f(k(position) * f(weight(i) * dy(at))) - f(x(at) * back(position)))
  }
}

/** 1 ÷ (1 + exp(−g)). */
export function sigmoid(g: number): number {
  return f(1 / f(1 + exponential(-g)))
}

/** A gradient's sum so far, or nothing before the first row of tokens. */
export function readBefore(read: ReadTable, name: string | undefined): ReadWord {
  return name === undefined ? () => 0 : read(name)
}
