/**
 * Products of whole tables at once, with the bits of the rules that give one word at a time: the same terms in the same order, several sums
 * side by side. A trace is made by these; a judge has the rules. Spec: spec/tensor.md §3.1, spec/training.md §3
 */
const f = Math.fround

/** Terms of a sum that these take at most: two levels of runs of 256. */
export const termsMax = 65_536

/** y[position][row] = Σ x[position][column] · w[row][column]. */
export function multiply(
  x: Float32Array,
  w: Float32Array,
  { positions, rows, columns }: { positions: number; rows: number; columns: number },
): Float32Array {
  const y = new Float32Array(positions * rows)
  for (let row = 0; row < rows; row += 4) {
    const count = Math.min(4, rows - row)
    for (let t = 0; t < positions; t++) dotRows(x, t * columns, w, row * columns, columns, y, t * rows + row, count)
  }
  return y
}

/** Four rows of w at once; where there are fewer, the last of them again. */
function dotRows(
  x: Float32Array,
  xAt: number,
  w: Float32Array,
  wAt: number,
  columns: number,
  y: Float32Array,
  yAt: number,
  count: number,
): void {
  const [b, c, d] = [Math.min(1, count - 1), Math.min(2, count - 1), Math.min(3, count - 1)].map(
    (row) => wAt + row * columns,
  ) as [number, number, number]
  let [a0, b0, c0, d0] = [f(0), f(0), f(0), f(0)]
  for (let start = 0; start < columns; start += 256) {
    const end = Math.min(columns, start + 256)
    let [a1, b1, c1, d1] = [f(0), f(0), f(0), f(0)]
    for (let i = start; i < end; i++) {
      const value = x[xAt + i]!
      a1 = f(a1 + f(value * w[wAt + i]!))
      b1 = f(b1 + f(value * w[b + i]!))
      c1 = f(c1 + f(value * w[c + i]!))
      d1 = f(d1 + f(value * w[d + i]!))
    }
    a0 = f(a0 + a1)
    b0 = f(b0 + b1)
    c0 = f(c0 + c1)
    d0 = f(d0 + d1)
  }
  y[yAt] = a0
  if (count > 1) y[yAt + 1] = b0
  if (count > 2) y[yAt + 2] = c0
  if (count > 3) y[yAt + 3] = d0
}

export type BackShape = { positions: number; rows: number; columns: number; yWidth: number; first: number }

/** dx[position][column] = Σ y[position][first + row] · w[row][column]. */
export function multiplyBack(y: Float32Array, w: Float32Array, shape: BackShape): Float32Array {
  const { positions, rows, columns, yWidth, first } = shape
  const dx = new Float32Array(positions * columns)
  const run = new Float32Array(columns)
  for (let t = 0; t < positions; t++) {
    const to = dx.subarray(t * columns, (t + 1) * columns)
    foldInto(to, run, rows, (row) => addScaled(run, w, row * columns, y[t * yWidth + first + row]!))
  }
  return dx
}

export type OuterShape = {
  rows: number
  columns: number
  terms: number
  leftWidth: number
  first: number
}

/** Adds Σ over terms of left[term][first + row] · right[term][column] to `sum`. */
export function addOuter(sum: Float32Array, left: Float32Array, right: Float32Array, shape: OuterShape): void {
  const { rows, columns, terms, leftWidth, first } = shape
  const [total, run] = [new Float32Array(columns), new Float32Array(columns)]
  for (let row = 0; row < rows; row++) {
    total.fill(0)
    foldInto(total, run, terms, (term) => addScaled(run, right, term * columns, left[term * leftWidth + first + row]!))
    addInto(sum, row * columns, total)
  }
}

/** Runs of 256 terms, each from zero, then their sums in order. */
function foldInto(total: Float32Array, run: Float32Array, terms: number, add: (term: number) => void): void {
  for (let start = 0; start < terms; start += 256) {
    run.fill(0)
    for (let term = start; term < Math.min(terms, start + 256); term++) add(term)
    addInto(total, 0, run)
  }
}

function addScaled(to: Float32Array, values: Float32Array, at: number, factor: number): void {
  for (let i = 0; i < to.length; i++) to[i] = f(to[i]! + f(values[at + i]! * factor))
}

export function addInto(to: Float32Array, at: number, values: Float32Array): void {
  for (let i = 0; i < values.length; i++) to[at + i] = f(to[at + i]! + values[i]!)
}
