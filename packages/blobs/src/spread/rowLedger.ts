/** Which fragments of a file are durable where they belong: one bit for each row of each stripe. */
import type { FileShape } from '@weightless/crypto'
import { hasRow, type Redundancy, stripesOf } from '@weightless/storage/wire'
import type { HeldRow } from '../network/askHolder.ts'

export type RowLedger = {
  stripes: number
  has(row: number, stripe: number): boolean
  add(row: number, stripe: number): void
  /** Fragments that are still missing in a row. */
  missing(row: number): number
  /** Forgets what was known of a row, then takes over what its holder says it has. */
  reset(row: number, held: readonly HeldRow[]): void
  /** Stripes of which at least one of `rows` is missing, in order. */
  openStripes(rows: readonly number[]): number[]
  total: number
  done(): number
}

export function createRowLedger(shape: FileShape, { dataRows, parityRows }: Redundancy): RowLedger {
  const stripes = stripesOf(shape, dataRows)
  const rows = dataRows + parityRows
  const stored = Array.from({ length: rows }, () => new Uint8Array(stripes))
  const expected = Array.from({ length: rows }, (_, row) =>
    hasRow(shape, dataRows, stripes - 1, row) ? stripes : stripes - 1,
  )
  const counts = new Array<number>(rows).fill(0)
  const isRow = (row: number, stripe: number) => stripe < expected[row]!

  function add(row: number, stripe: number): void {
    if (!isRow(row, stripe) || stored[row]![stripe] === 1) return
    stored[row]![stripe] = 1
    counts[row]!++
  }

  return {
    stripes,
    has: (row, stripe) => !isRow(row, stripe) || stored[row]![stripe] === 1,
    add,
    missing: (row) => expected[row]! - counts[row]!,
    reset(row, held) {
      stored[row]!.fill(0)
      counts[row] = 0
      for (const { ranges } of held.filter((entry) => entry.row === row)) {
        for (const [from, to] of ranges)
          for (let stripe = from; stripe < Math.min(to, stripes); stripe++) add(row, stripe)
      }
    },
    openStripes(wanted) {
      const open: number[] = []
      for (let stripe = 0; stripe < stripes; stripe++) {
        if (wanted.some((row) => isRow(row, stripe) && stored[row]![stripe] === 0)) open.push(stripe)
      }
      return open
    },
    total: expected.reduce((sum, count) => sum + count, 0),
    done: () => counts.reduce((sum, count) => sum + count, 0),
  }
}
