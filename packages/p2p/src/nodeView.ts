/** The nodes that this one knows to live, each by the newest record that it signed. Spec: p2p §4. */
import { accept, type Hex, reject, type Verdict } from '@weightless/codec'
import type { Clock } from '@weightless/env'
import { type NodeRecord, readNodeRecord } from '@weightless/storage/wire'
import { driftMsMax } from './gossipEnvelope.ts'
import { isSameNetwork, type NetworkIdentity } from './networkIdentity.ts'

export type NodeView = {
  /** Takes a record from anywhere. `ignore`: nothing new. `reject`: no honest node passes it on. */
  admit(json: unknown): Verdict<NodeRecord, ViewFault>
  get(nodeId: Hex): NodeRecord | undefined
  /** Undefined too for one not heard of lately. */
  getLive(nodeId: Hex): NodeRecord | undefined
  /** Those heard of lately. */
  list(): NodeRecord[]
  /** @param listener - called with every new record; `isNew` for a node that was not known, or not to live */
  onNode(listener: (record: NodeRecord, isNew: boolean) => void): () => void
}

export type ViewFault =
  | 'record-malformed'
  | 'record-signature-wrong'
  | 'record-of-other-network'
  | 'record-known'
  | 'record-stale'
  | 'view-full'

export function createNodeView(clock: Clock, identity: NetworkIdentity, self: Hex): NodeView {
  const records = new Map<Hex, NodeRecord>()
  const listeners = new Set<(record: NodeRecord, isNew: boolean) => void>()
  const isLive = ({ signedMs }: NodeRecord): boolean => clock.nowMs() - signedMs < liveMs

  function keep(record: NodeRecord): boolean {
    records.delete(record.nodeId)
    if (records.size >= nodesMax) {
      for (const [nodeId, known] of records) if (!isLive(known)) records.delete(nodeId)
    }
    if (records.size >= nodesMax) return false
    records.set(record.nodeId, record)
    return true
  }

  return {
    admit(json) {
      const claimed = json as Partial<NodeRecord> | null
      const known = claimed?.nodeId === undefined ? undefined : records.get(claimed.nodeId)
      // The common case by far: the very record that is known, told by another neighbour.
      if (known && claimed?.signature === known.signature) return ignored('record-known')
      const read = readNodeRecord(json)
      if (!read.ok) return read
      const record = read.value
      if (!isSameNetwork(record, identity)) return reject('record-of-other-network')
      const isOutdated = record.signedMs > clock.nowMs() + driftMsMax || !isLive(record)
      if (isOutdated || record.nodeId === self) return ignored('record-stale')
      if (known && known.signedMs >= record.signedMs) return ignored('record-stale')
      if (!keep(record)) return ignored('view-full')
      for (const listener of listeners) listener(record, !known || !isLive(known))
      return accept(record)
    },
    get: (nodeId) => records.get(nodeId),
    getLive(nodeId) {
      const record = records.get(nodeId)
      return record && isLive(record) ? record : undefined
    },
    list: () => [...records.values()].filter(isLive),
    onNode(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

function ignored(code: ViewFault): Verdict<never, ViewFault> {
  return { ok: false, code, action: 'ignore' }
}

const nodesMax = 4_096
/** A node says every 20 s that it lives. */
const liveMs = 120_000
