/** Jobs of the board in words: modes, states, outcomes by number, and its terms. Spec: spec/market.md 6. */
import type { Hex } from '@weightless/codec'

export const jobMode = { take: 0, assign: 1, auction: 2 } as const

export const jobState = { open: 1, taken: 2, delivered: 3, rejected: 4, closed: 5 } as const

export const jobOutcome = {
  acknowledged: 1,
  unanswered: 2,
  cancelled: 3,
  declined: 4,
  expired: 5,
  abandoned: 6,
  timedOut: 7,
  resolved: 8,
  undecided: 9,
} as const

/** Wei and seconds; each field as in `JobTypes.sol`. */
export type JobTerms = {
  /** 1: batch inference, 2: fine-tuning. */
  kind: number
  mode: number
  provider: Hex
  specRoot: Hex
  priceFloor: bigint
  priceMax: bigint
  bond: bigint
  auctionSeconds: number
  openSeconds: number
  workSeconds: number
  reviewSeconds: number
  disputedShareBps: number
}
