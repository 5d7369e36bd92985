/** Which blocks hold logs of which contract, so that a search over logs opens only the blocks that can answer it. */
import { bytesToHex } from '@weightless/codec'

export type LogIndex = {
  /** `number` is larger than every number added before. */
  add(number: number, addresses: Iterable<Uint8Array>): void
  /** Forgets all blocks above `number`. */
  rewind(number: number): void
  /** Numbers in [from, to], rising, of blocks with a log of one of the addresses; of any address when undefined. */
  blocks(from: number, to: number, addresses: readonly Uint8Array[] | undefined): number[]
}

export function createLogIndex(): LogIndex {
  const every: number[] = []
  const byAddress = new Map<string, number[]>()
  return {
    add(number, addresses) {
      let some = false
      for (const address of addresses) {
        some = true
        const key = bytesToHex(address)
        const numbers = byAddress.get(key)
        if (numbers === undefined) byAddress.set(key, [number])
        else if (numbers.at(-1) !== number) numbers.push(number)
      }
      if (some) every.push(number)
    },
    rewind(number) {
      cutAbove(every, number)
      for (const [address, numbers] of byAddress) {
        cutAbove(numbers, number)
        if (numbers.length === 0) byAddress.delete(address)
      }
    },
    blocks(from, to, addresses) {
      if (addresses === undefined) return within(every, from, to)
      const lists = addresses.map((address) => within(byAddress.get(bytesToHex(address)) ?? [], from, to))
      if (lists.length === 1) return lists[0]!
      return [...new Set(lists.flat())].sort((a, b) => a - b)
    },
  }
}

function cutAbove(numbers: number[], limit: number): void {
  while (numbers.length > 0 && numbers.at(-1)! > limit) numbers.pop()
}

function within(numbers: readonly number[], from: number, to: number): number[] {
  return numbers.slice(lowerBound(numbers, from), lowerBound(numbers, to + 1))
}

/** First position whose number is at least `bound`. */
function lowerBound(numbers: readonly number[], bound: number): number {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (numbers[middle]! < bound) low = middle + 1
    else high = middle
  }
  return low
}
