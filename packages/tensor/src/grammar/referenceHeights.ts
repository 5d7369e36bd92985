/** How many references to recursive definitions the shortest texts of an expression nest: what has no end is known by it. Spec: spec/tensor.md §7.3.4. */
import type { Expression } from './expression.ts'

/** References to recursive definitions that are open at once. */
export const referenceDepthMax = 64

/** @returns Infinity where every text would nest for ever */
export function measureHeights(targets: ReadonlyMap<string, Expression>): (expression: Expression) => number {
  if (targets.size === 0) return () => 0
  const heights = new Map<string, number>()
  let known = new Map<number, number>()

  function heightOf(expression: Expression): number {
    let height = known.get(expression.id)
    if (height === undefined) {
      height = measure(expression)
      known.set(expression.id, height)
    }
    return height
  }

  function measure(expression: Expression): number {
    if (expression.kind === 'reference') return 1 + (heights.get(expression.name) ?? Infinity)
    if (expression.kind === 'sequence')
      return expression.items.reduce((most, item) => Math.max(most, heightOf(item)), 0)
    if (expression.kind === 'choice') {
      return expression.items.reduce((least, item) => Math.min(least, heightOf(item)), Infinity)
    }
    return expression.kind === 'repeat' && expression.min > 0 ? heightOf(expression.item) : 0
  }

  for (let changed = true; changed; ) {
    changed = false
    for (const [name, target] of targets) {
      const height = heightOf(target)
      if (height < (heights.get(name) ?? Infinity)) {
        heights.set(name, height)
        changed = true
      }
    }
    known = new Map()
  }
  return heightOf
}
