/** What moving fragments between a client and holders needs of the world. */
import type { Hex } from '@weightless/codec'
import type { Clock, Network, Tasks } from '@weightless/env'

export type TransferParts = {
  network: Network
  clock: Clock
  /** Hashing, coding and checking run in its workers; in line without it. */
  tasks?: Tasks | undefined
  /** Longest silence of one request. */
  timeoutMs: number
  /** Longest time without any progress. */
  stallMs: number
  /** Told of every holder that failed in a way that others may want to know of. */
  onBadHolder?: ((report: HolderReport) => void) | undefined
}

export type HolderReport = {
  nodeId: Hex
  url: string
  root: Hex
  row: number
  /** `forged`: what it sent does not belong to the root. `missing`: it signed for bytes that it does not have. */
  fault: 'unreachable' | 'slow' | 'missing' | 'forged' | 'refused'
  detail: string
}
