/** Anybody's check of what an auditor says about one fragment: it was drawn, and what its node signed is what it says. Spec: spec/alignment.md 13.4 */
import type { Hex } from '@weightless/codec'
import type { Outcome, TargetEvidence } from '../evidence.ts'
import { type DrawnFrom, drawFragment } from './drawFragment.ts'
import { judgeFragment } from './judgeFragment.ts'
import type { ShownFragment } from './shownFragment.ts'

type Checked = { index: number; agrees: boolean; detail: string }

export function checkShown(beta: Hex, { id, drawnFrom = [] }: TargetEvidence, outcome: Outcome): Checked {
  const { index, verdict, detail, fragment } = outcome
  const named = { index, detail: `${verdict}: ${detail}` }
  const from = fragment && drawnFrom[fragment.at]
  if (!fragment || !from) return { ...named, agrees: false, detail: 'of no row that it drew from' }
  const drawn = drawFragment(drawnFrom, beta, id, index)
  if (drawn.at !== fragment.at || drawn.stripe !== fragment.stripe) {
    return { ...named, agrees: false, detail: 'another fragment than its number draws' }
  }
  if (verdict === 'wrong') return { ...named, ...judgeWrong(id, from, fragment) }
  // The fragment itself is not kept: anybody can ask for it again.
  return { ...named, agrees: verdict !== 'missing' || isNamed(id, from, fragment) }
}

/** The one outcome that is proof: the node signed what is not of the file. */
function judgeWrong(nodeId: Hex, from: DrawnFrom, fragment: ShownFragment): Pick<Checked, 'agrees' | 'detail'> {
  const { placement, frame, shown, stripe } = fragment
  if (!placement || !frame || !shown || !isNamed(nodeId, from, fragment)) {
    return { agrees: false, detail: 'nothing is shown that was signed' }
  }
  const again = judgeFragment(
    { nodeId, placement, row: from.row, stripe },
    { kind: 'frame', frame, signature: shown.signature },
  )
  return { agrees: again.verdict === 'wrong', detail: `${again.verdict}: ${again.detail}` }
}

/** The node has signed that it holds this row. */
function isNamed(nodeId: Hex, { root, sizeBytes, row }: DrawnFrom, { placement }: ShownFragment): boolean {
  if (placement?.root !== root || placement.sizeBytes !== sizeBytes) return false
  return placement.holders[row] === nodeId && placement.signatures[row] !== null
}
