/** Coding and gathering as `blobs` does them, for a gateway. Spec: storage §13. */
import { type HolderReport, openPlaced, putPlacement, spreadFile } from '@weightless/blobs'
import type { Env } from '@weightless/env'
import type { CodingClient } from './coding.ts'

const timeoutMs = 15_000
const stallMs = 30_000
/** Less than a client takes for one file: a gateway spreads several at once. */
const windowBytes = 16 * 1024 * 1024

/** @param onBadHolder - told of holders that lie, lose bytes or do not answer */
export function createCodingClient(
  { network, clock, tasks }: Pick<Env, 'network' | 'clock' | 'tasks'>,
  onBadHolder?: (report: HolderReport) => void,
): CodingClient {
  const parts = { network, clock, tasks, timeoutMs, stallMs, onBadHolder }
  return {
    spread: ({ source, file, startSegment, redundancy, nodes }, { signal, publish, ...options }) => {
      const wish = { source, file, submission: { startSegment }, redundancy, nodes }
      return spreadFile(parts, wish, {
        ...{ signal, windowBytes, ...options },
        async publish(placement, holders) {
          await publish(placement)
          // What is in no placement that its holder knows is let go of after a day. Who is away now is told by the others.
          await Promise.all(
            holders.map(({ url }) => putPlacement(parts, url, placement, signal).catch(() => undefined)),
          )
        },
      })
    },
    gather: (placement, nodes) => openPlaced(parts, placement, nodes),
  }
}
