/** What an audit found that a storage node signed and that is not of the file: each is proof by itself. Spec: spec/alignment.md 13.4 */
import type { Hex } from '@weightless/codec'
import type { FragmentName } from '@weightless/storage/wire'
import type { TargetEvidence } from '../evidence.ts'
import { nameOf } from './judgeFragment.ts'

export type SignedFragment = { nodeId: Hex; name: FragmentName; frame: Uint8Array; signature: Hex }

export function signedFragments({ id, outcomes, drawnFrom = [] }: TargetEvidence): SignedFragment[] {
  return outcomes.flatMap(({ verdict, fragment }) => {
    const row = fragment && drawnFrom[fragment.at]?.row
    if (verdict !== 'wrong' || row === undefined || !fragment?.placement || !fragment.frame || !fragment.shown)
      return []
    const { placement, stripe, frame, shown } = fragment
    return [{ nodeId: id, name: nameOf({ placement, row, stripe }), frame, signature: shown.signature }]
  })
}
