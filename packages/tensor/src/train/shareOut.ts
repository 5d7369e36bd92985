/** Has a kernel of training do its work in pieces, by all threads of the crew, and waits for it. */
import type { SharedKernel } from '../crew/callKernel.ts'
import { isSpread, spread } from '../crew/spread.ts'
import type { EngineParts } from '../model/engineParts.ts'

type Values = [number, number, number, ...number[]]

/**
 * @param items - groups of weights, rows or the like; each piece is a run of them
 * @param rows - how many positions each item is done for
 * @param valuesFor - the kernel's arguments for `count` items from `from`
 */
export function shareOut(
  parts: EngineParts,
  kernel: SharedKernel,
  items: number,
  rows: number,
  valuesFor: (from: number, count: number) => Values,
): void {
  spread(parts, items, rows, (from, count) => parts.round.add(kernel, ...(valuesFor(from, count) as Parameters)))
  parts.round.run(isSpread(parts, rows))
}

type Parameters = [number, number, number, number?]
