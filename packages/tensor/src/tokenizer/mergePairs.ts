/**
 * Byte-pair merging of one word: the pair of lowest rank, leftmost first, until none is left. A heap keeps it at
 * O(n log n), so that a megabyte without a space is slow for nobody.
 */

/** Symbols are numbers of 32 bits, ranks are below 2²². */
export type MergeRule = {
  /** Rank of a pair, or undefined where nothing merges it. */
  rank(left: number, right: number): number | undefined
  /** The symbol that a pair of this rank becomes. */
  merged(left: number, right: number, rank: number): number
}

export function pairKey(left: number, right: number): number {
  return left * 2 ** 22 + right
}

/** More than a text has; with 2²² ranks still an exact number. */
const positions = 2 ** 31
const gone = -(2 ** 31)

/** @returns the symbols left of `tokens` after all merges; the input is not changed */
export function mergePairs(tokens: readonly number[], rule: MergeRule): number[] {
  const count = tokens.length
  if (count < 2) return [...tokens]
  const symbols = Int32Array.from(tokens)
  const next = Int32Array.from({ length: count }, (_, i) => (i + 1 < count ? i + 1 : -1))
  const previous = Int32Array.from({ length: count }, (_, i) => i - 1)
  const heap = createHeap()
  const offer = (left: number, right: number) => {
    const rank = rule.rank(symbols[left]!, symbols[right]!)
    if (rank !== undefined) heap.push(rank * positions + left, symbols[left]!, symbols[right]!)
  }
  for (let i = 0; i + 1 < count; i++) offer(i, i + 1)
  for (let best = heap.pop(); best !== undefined; best = heap.pop()) {
    const left = best.order % positions
    const right = next[left]!
    if (right < 0 || symbols[left] !== best.left || symbols[right] !== best.right) continue
    symbols[left] = rule.merged(best.left, best.right, Math.floor(best.order / positions))
    symbols[right] = gone
    next[left] = next[right]!
    if (next[left]! >= 0) previous[next[left]!] = left
    if (previous[left]! >= 0) offer(previous[left]!, left)
    if (next[left]! >= 0) offer(left, next[left]!)
  }
  return Array.from(symbols).filter((symbol) => symbol !== gone)
}

type Offer = { order: number; left: number; right: number }

/** A binary min-heap by `order` = rank × 2³¹ + position. */
function createHeap() {
  const items: Offer[] = []
  const swap = (a: number, b: number) => {
    const held = items[a]!
    items[a] = items[b]!
    items[b] = held
  }
  return {
    push(order: number, left: number, right: number): void {
      items.push({ order, left, right })
      for (let i = items.length - 1; i > 0; ) {
        const parent = (i - 1) >> 1
        if (items[parent]!.order <= items[i]!.order) return
        swap(i, parent)
        i = parent
      }
    },
    pop(): Offer | undefined {
      const top = items[0]
      const last = items.pop()
      if (top === undefined || last === undefined || items.length === 0) return top
      items[0] = last
      for (let i = 0; ; ) {
        let least = i
        for (const child of [2 * i + 1, 2 * i + 2]) {
          if (child < items.length && items[child]!.order < items[least]!.order) least = child
        }
        if (least === i) return top
        swap(i, least)
        i = least
      }
    },
  }
}
