/** What a reader or writer saw of a holder, as a fault among peers. Spec: p2p §6. */
import type { HolderReport } from '@weightless/blobs'
import type { PeerNetwork } from '@weightless/p2p'

/** Forged bytes are proof of a lie; one who lacks bytes or is silent may be repairing itself. */
export function reportHolder(network: PeerNetwork, { nodeId, fault }: HolderReport): void {
  if (fault === 'forged') network.report(nodeId, 'bytes-wrong')
  else if (fault === 'missing' || fault === 'unreachable') network.report(nodeId, 'no-answer')
}
