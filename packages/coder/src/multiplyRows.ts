/** Sums of multiples of rows: by the engine that the environment installed, or by the kernel. Spec: coding §2, §3. */
import { suitsEngine } from './coderEngine.ts'
import { type Coder, type CoderKernel, factorBytes, factorsAt, workAt } from './coderKernel.ts'
import { logOf, multiply } from './field.ts'
import { fillSlot, planBlocks, takeSlot } from './rowBlocks.ts'

type Rows = readonly (Uint8Array | undefined)[]

/** `values[t][s]`; `products` are those values times 1, 2, 4, … 2^15, one row after another. */
export type Factors = { values: readonly Uint16Array[]; products: Uint16Array }

export function factorsOf(values: readonly Uint16Array[]): Factors {
  return { values, products: productsOf(values) }
}

/** What `CoderEngine` takes for factors. */
export function productsOf(values: readonly Uint16Array[]): Uint16Array {
  const products = new Uint16Array(16 * values.reduce((count, row) => count + row.length, 0))
  let at = 0
  for (const row of values) {
    for (const factor of row) for (let bit = 0; bit < 16; bit++) products[at++] = multiply(1 << bit, factor)
  }
  return products
}

/** One row of `rowBytes` for each row of `factors`; shorter sources count as filled up with zeros. */
export function multiplyRows(coder: Coder, factors: Factors, sources: Rows, rowBytes: number): Uint8Array[] {
  const targets = factors.values.map(() => new Uint8Array(rowBytes))
  const { kernel, engine } = coder
  if (engine && targets.length > 0 && suitsEngine(sources.length, targets.length)) {
    const zeros = new Uint8Array(sources.every((row) => row) ? 0 : rowBytes)
    const whole = sources.map((row) => (row ? fillUp(row, rowBytes) : zeros))
    engine.multiplyRows(whole, factors.products, targets)
  } else multiplyOnKernel(kernel, factors.values, sources, targets)
  return targets
}

/** The row itself if nothing is missing. */
export function fillUp(row: Uint8Array, rowBytes: number): Uint8Array {
  if (row.length === rowBytes) return row
  const filled = new Uint8Array(rowBytes)
  filled.set(row)
  return filled
}

function multiplyOnKernel(
  kernel: CoderKernel,
  values: readonly Uint16Array[],
  sources: Rows,
  targets: readonly Uint8Array[],
): void {
  const rowBytes = targets[0]?.length ?? 0
  const count = sources.length
  for (const [t, row] of values.entries()) {
    for (const [s, factor] of row.entries())
      kernel.writeFactor(factorsAt + factorBytes * (t * count + s), logOf(factor))
  }
  const plan = planBlocks(count + targets.length, rowBytes)
  for (let column = 0; column < rowBytes; column += plan.span) {
    const length = Math.min(plan.span, rowBytes - column)
    for (const [s, row] of sources.entries()) fillSlot(kernel, plan, s, row, column, length)
    for (let t = 0; t < targets.length; t++) fillSlot(kernel, plan, count + t, undefined, column, length)
    for (let at = 0; at < length; at += plan.tile) {
      const tile = Math.min(plan.tile, length - at)
      for (let t = 0; t < targets.length; t++) {
        const target = workAt + plan.span * (count + t) + at
        for (let s = 0; s < count; s++) {
          const factor = factorsAt + factorBytes * (t * count + s)
          kernel.calls.multiplyAdd(target, workAt + plan.span * s + at, tile, factor)
        }
      }
    }
    for (const [t, row] of targets.entries()) takeSlot(kernel, plan, count + t, row, column, length)
  }
}
