/** What makes an announcement of each topic right or wrong. Spec: p2p §4. */
import { accept, type Hex, reject } from '@weightless/codec'
import { readPlacement } from '@weightless/storage/wire'
import type { Judges } from './gossip.ts'
import type { NetworkIdentity } from './networkIdentity.ts'
import type { NodeView } from './nodeView.ts'

/** Records are taken into the view here, so that what is known already is not passed on again. */
export function createJudges(view: NodeView, identity: NetworkIdentity): Judges {
  return {
    'node-record': (payload) => view.admit(payload),
    'shard-change'(payload, from) {
      const verdict = view.admit(payload)
      return verdict.ok && verdict.value.nodeId !== from ? reject('not-its-own') : verdict
    },
    placement(payload) {
      const verdict = readPlacement(payload)
      return verdict.ok && verdict.value.chainId !== identity.chainId ? reject('placement-of-other-chain') : verdict
    },
    'file-new'(payload, from) {
      const { root, txSeq, nodeId } = (payload ?? {}) as { root?: unknown; txSeq?: unknown; nodeId?: unknown }
      const isRoot = typeof root === 'string' && /^0x[0-9a-f]{64}$/.test(root)
      if (!isRoot || !Number.isSafeInteger(txSeq) || (txSeq as number) < 0) return reject('file-malformed')
      return nodeId === from
        ? accept({ root: root as Hex, txSeq: txSeq as number, nodeId: from })
        : reject('not-its-own')
    },
  }
}
