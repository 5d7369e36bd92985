/** The signed records of the nodes that announce themselves: bounded, of one network, forgotten when they fall silent. Spec: storage §11. */
import { accept, type Hex, reject, type Verdict } from '@weightless/codec'
import type { Clock } from '@weightless/env'
import { type NodeRecord, readNodeRecord } from '../wire/index.ts'

export type AnnounceFault =
  | 'record-malformed'
  | 'record-signature-wrong'
  | 'record-misnamed'
  | 'record-network-wrong'
  | 'record-stale'
  | 'directory-full'

export type NodeDirectory = {
  /** Takes a record that came from a network; of two of one node the later one stays. */
  announce(nodeId: Hex, json: unknown): Verdict<NodeRecord, AnnounceFault>
  /** Nodes that announced themselves lately, in the order of their first announcement. */
  live(): NodeRecord[]
  /** The record of a live node. */
  find(nodeId: Hex): NodeRecord | undefined
}

/** How long a record holds, and how far its time may be from ours. */
export const recordMs = 30_000
const nodesMax = 4_096

export function createNodeDirectory(
  clock: Pick<Clock, 'nowMs' | 'monotonicMs'>,
  network: { chainId: number; flowAddress: Hex },
): NodeDirectory {
  const nodes = new Map<Hex, { record: NodeRecord; endMs: number }>()
  const flow = network.flowAddress.toLowerCase()

  function forgetSilent(): void {
    const nowMs = clock.monotonicMs()
    for (const [nodeId, { endMs }] of nodes) if (endMs <= nowMs) nodes.delete(nodeId)
  }

  return {
    announce(nodeId, json) {
      const named = json as Partial<NodeRecord> | null
      // What costs nothing is looked at before the signature.
      if (typeof named !== 'object' || named === null || named.nodeId !== nodeId) return reject('record-misnamed')
      if (!(Math.abs(clock.nowMs() - Number(named.signedMs)) <= recordMs)) return reject('record-stale')
      const read = readNodeRecord(json)
      if (!read.ok) return read
      const record = read.value
      if (record.chainId !== network.chainId || record.flowAddress !== flow) return reject('record-network-wrong')
      const known = nodes.get(nodeId)
      // A record that is played again must not keep a node alive that has fallen silent.
      if (known && known.record.signedMs >= record.signedMs) return accept(known.record)
      if (!known && nodes.size >= nodesMax) forgetSilent()
      if (!known && nodes.size >= nodesMax) return reject('directory-full')
      nodes.set(nodeId, { record, endMs: clock.monotonicMs() + recordMs })
      return accept(record)
    },
    live() {
      forgetSilent()
      return [...nodes.values()].map(({ record }) => record)
    },
    find(nodeId) {
      const known = nodes.get(nodeId)
      return known && known.endMs > clock.monotonicMs() ? known.record : undefined
    },
  }
}
