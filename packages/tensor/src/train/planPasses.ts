/** Groups rows of tokens into passes through the model that fit memory. The grouping does not show in the result. */
import type { EngineParts } from '../model/engineParts.ts'
import type { TokenRow } from './forwardPass.ts'
import type { RowSpan } from './linear.ts'
import { keptBytes } from './trainBuffers.ts'

export type TrainLimits = { passTokensMax: number; keptBytesMax: number }

export type PlannedPass = {
  rows: readonly TokenRow[]
  spans: readonly RowSpan[]
  /** Positions of all rows, rounded up to a multiple of four. */
  positions: number
  longest: number
  keepsAll: boolean
}

export function planPasses(
  parts: EngineParts,
  rows: readonly TokenRow[],
  { passTokensMax, keptBytesMax }: TrainLimits,
): PlannedPass[] {
  const groups: TokenRow[][] = []
  let room = 0
  for (const row of rows) {
    if (row.tokens.length > room || groups.length === 0) {
      groups.push([])
      room = passTokensMax
    }
    groups.at(-1)!.push(row)
    room -= row.tokens.length
  }
  return groups.map((group) => {
    const spans: RowSpan[] = []
    let start = 0
    for (const { tokens } of group) {
      spans.push({ start, length: tokens.length })
      start += tokens.length
    }
    const positions = Math.ceil(start / 4) * 4
    const longest = Math.max(...spans.map(({ length }) => length))
    return { rows: group, spans, positions, longest, keepsAll: keptBytes(parts, positions) <= keptBytesMax }
  })
}
