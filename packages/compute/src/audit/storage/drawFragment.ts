/**
 * Which fragment of a storage node an auditor asks for, drawn from its number of the round among all that the node has
 * signed for: nobody knows it before, everybody can draw it again afterwards. Spec: spec/alignment.md 13.2
 */
import type { Hex } from '@weightless/codec'
import type { SignedPlacement } from '@weightless/storage/wire'
import { drawNumber } from '../drawNumber.ts'

/** One row of a file that a node has signed for. */
export type SignedRow = {
  placement: SignedPlacement
  row: number
  /** Stripes that have this row: 0 up to it, without gaps. */
  fragments: number
}

/** What a drawing needs of a row; the evidence lists them, so that the drawing can be repeated. */
export type DrawnFrom = { root: Hex; sizeBytes: number; row: number; fragments: number }

export type FragmentDraw = { at: number; stripe: number }

/**
 * Uniform over fragments, so that the share of them that is lost is the chance that one reading finds it.
 *
 * @param rows - in their order; none without fragments
 * @param index - 0 for the first reading of the audit
 */
export function drawFragment(
  rows: readonly Pick<DrawnFrom, 'fragments'>[],
  beta: Hex,
  target: Hex,
  index: number,
): FragmentDraw {
  const total = rows.reduce((sum, { fragments }) => sum + fragments, 0)
  let place = Number(drawNumber(beta, target, 'fragment', index) % BigInt(total))
  const at = rows.findIndex(({ fragments }) => {
    if (place < fragments) return true
    place -= fragments
    return false
  })
  return { at, stripe: place }
}
