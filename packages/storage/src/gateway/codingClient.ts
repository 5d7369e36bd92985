/** Coding and gathering as `blobs` does them, for a gateway. Spec: storage §13. */
import { type HolderReport, openPlaced, spreadFile } from '@weightless/blobs'
import type { Env } from '@weightless/env'
import type { CodingClient } from './coding.ts'

const timeoutMs = 15_000
const stallMs = 30_000

/** @param onBadHolder - told of holders that lie, lose bytes or do not answer */
export function createCodingClient(
  { network, clock, tasks }: Pick<Env, 'network' | 'clock' | 'tasks'>,
  onBadHolder?: (report: HolderReport) => void,
): CodingClient {
  const parts = { network, clock, tasks, timeoutMs, stallMs, onBadHolder }
  return {
    spread: ({ source, file, startSegment, redundancy, nodes }, { signal, ...options }) =>
      spreadFile(parts, { source, file, submission: { startSegment }, redundancy, nodes }, { signal, ...options }),
    gather: (placement, nodes) => openPlaced(parts, placement, nodes),
  }
}
