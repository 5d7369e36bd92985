/** All that a holder keeps, for its snapshot: the flow, uploads, rows, placements. Its key is not among them. Spec: storage §14. */
import type { Disk } from '@weightless/env'
import type { KeyValue } from '@weightless/store'
import type { FlowLog } from '../node/flowLog.ts'
import type { SegmentStore } from '../node/segmentStore.ts'
import { type Copying, copyFragments, copyKeyValue, copySegments } from '../snapshot/copyStore.ts'
import type { SnapshotParts } from '../snapshot/keepSnapshots.ts'
import type { FragmentStore } from './fragmentStore.ts'

/** Where the flow lies. */
export const flowFolder = 'flow'

type Kept = { keyValue: KeyValue; flow: FlowLog; uploads: SegmentStore; fragments: FragmentStore }

export function copyHolder({
  keyValue,
  flow,
  uploads,
  fragments,
}: Kept): Pick<SnapshotParts, 'flow' | 'storedBytes' | 'copy'> {
  return {
    flow,
    storedBytes: () => uploads.storedBytes() + fragments.records.sizes().liveBytes,
    async copy(target: Disk, copying: Copying) {
      await copyKeyValue(keyValue, target, flowFolder)
      await copySegments(uploads.records, flow, target, copying)
      await copyFragments(fragments, target, copying)
    },
  }
}
