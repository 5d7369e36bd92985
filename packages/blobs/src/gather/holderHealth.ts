/** Which holders have failed lately: they are asked last, so that a node that is down costs one wait and not one a stripe. */
import type { Hex } from '@weightless/codec'
import type { Clock } from '@weightless/env'

export type HolderHealth = {
  isSick(nodeId: Hex): boolean
  markSick(nodeId: Hex): void
}

const sickMs = 10_000
const nodesMax = 4_096

export function createHolderHealth(clock: Pick<Clock, 'monotonicMs'>): HolderHealth {
  const until = new Map<Hex, number>()
  return {
    isSick: (nodeId) => (until.get(nodeId) ?? 0) > clock.monotonicMs(),
    markSick(nodeId) {
      until.delete(nodeId)
      until.set(nodeId, clock.monotonicMs() + sickMs)
      if (until.size > nodesMax) until.delete(until.keys().next().value!)
    },
  }
}
