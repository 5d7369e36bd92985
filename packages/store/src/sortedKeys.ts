/** Text keys in order (of their UTF-16 units); insertions are merged when the order is next asked for. */

export type SortedKeys = {
  add(key: string): void
  remove(key: string): void
  /** Keys k with start <= k < end, at most `limit` of them; no bound where undefined. */
  range(start: string | undefined, end: string | undefined, limit?: number): string[]
}

export function createSortedKeys(initial: Iterable<string>): SortedKeys {
  let sorted = [...initial].sort(compare)
  let added: string[] = []
  const removed = new Set<string>()
  const merge = (): void => {
    if (added.length > 0) sorted = sorted.concat(added).sort(compare)
    added = []
    if (removed.size > 0) sorted = sorted.filter((key) => !removed.has(key))
    removed.clear()
  }
  return {
    add: (key) => {
      if (!removed.delete(key)) added.push(key)
    },
    remove: (key) => void removed.add(key),
    range: (start, end, limit = Number.POSITIVE_INFINITY) => {
      merge()
      const from = start === undefined ? 0 : lowerBound(sorted, start)
      const to = end === undefined ? sorted.length : lowerBound(sorted, end)
      return sorted.slice(from, Math.min(to, from + limit))
    },
  }
}

function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
