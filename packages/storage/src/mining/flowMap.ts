/** Which submission lies where in the flow: what a position recalls. Spec: mining §3. */
import { segmentSectors } from '@weightless/crypto'
import type { FlowLog } from '../node/flowLog.ts'
import type { Submission } from '../node/submission.ts'

export type FlowMap = {
  /** Submissions with sectors in [start, end), in order. Those whose size no node can hold are left out. */
  between(start: number, end: number): Submission[]
  /** Where the content of a file key lies first; undefined before its submission is known. */
  placeOf(fileKey: string): Submission | undefined
}

export function createFlowMap(flow: Pick<FlowLog, 'count' | 'get'>): FlowMap {
  /** Ascending by position: a root that came again at its old place is not among them. */
  const placed: Submission[] = []
  const byKey = new Map<string, Submission>()
  let seen = 0
  let last: Submission | undefined

  function follow(): void {
    // A flow that was taken back is mapped afresh.
    if (seen > 0 && flow.get(seen - 1) !== last) {
      placed.length = 0
      byKey.clear()
      seen = 0
    }
    for (; seen < flow.count(); seen++) {
      last = flow.get(seen)!
      const end = placed.length === 0 ? 1 : endOf(placed.at(-1)!)
      if (last.startSector < end) continue
      placed.push(last)
      if (last.shape && !byKey.has(last.fileKey)) byKey.set(last.fileKey, last)
    }
  }

  return {
    placeOf(fileKey) {
      follow()
      return byKey.get(fileKey)
    },
    between(start, end) {
      follow()
      const found: Submission[] = []
      for (let at = firstEndingAfter(placed, start); at < placed.length; at++) {
        const submission = placed[at]!
        if (submission.startSector >= end) break
        if (submission.shape) found.push(submission)
      }
      return found
    },
  }
}

/** Index of a file's segment that begins in, or is, a segment of the flow. */
export function segmentIndexAt({ startSector }: Submission, globalSegment: number): number {
  return Math.max(0, globalSegment - Math.floor(startSector / segmentSectors))
}

function firstEndingAfter(placed: readonly Submission[], sector: number): number {
  let low = 0
  let high = placed.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (endOf(placed[middle]!) > sector) high = middle
    else low = middle + 1
  }
  return low
}

const endOf = ({ startSector, nodes }: Submission): number =>
  nodes.reduce((end, { height }) => end + 2 ** height, startSector)
