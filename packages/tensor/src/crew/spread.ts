/** Cuts a kernel's work into pieces that threads can take. */
import type { EngineParts } from '../model/engineParts.ts'

/** Below this many rows waking a thread costs more than it saves. */
const rowsMin = 2
/** Pieces per thread: more even out what threads do not get alike, each costs a fraction of a microsecond. */
const piecesPerMember = 6

/** Whether a pass of so many rows is spread over the crew. */
export function isSpread({ crew }: EngineParts, rows: number): boolean {
  return crew !== undefined && rows >= rowsMin && crew.size() > 1
}

/**
 * @param items - groups of weights, rows or the like; each piece is a run of them
 * @param rows - rows of the pass
 */
export function spread(parts: EngineParts, items: number, rows: number, add: (from: number, count: number) => void) {
  const pieces = isSpread(parts, rows) ? Math.min(parts.crew!.size() * piecesPerMember, items) : 1
  let from = 0
  for (let piece = 1; piece <= pieces; piece++) {
    const to = Math.floor((items * piece) / pieces)
    add(from, to - from)
    from = to
  }
}
