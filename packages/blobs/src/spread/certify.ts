/** Collects the holders' signatures under a placement: each checks that it has its whole row before it signs. Spec: storage §12. */
import { type Hex, hexToBytes } from '@weightless/codec'
import { ed25519Verify } from '@weightless/crypto'
import { AbortedError } from '@weightless/env'
import { type Placement, placementDigest, type SignedPlacement } from '@weightless/storage/wire'
import { askSignature, HolderRefusedError } from '../network/askHolder.ts'
import type { TransferParts } from '../network/transferParts.ts'
import type { HolderCrew } from './holderCrew.ts'

/** Holders whose row is not whole, or who will not sign, are left with null; those who should have signed are doubted. */
export async function certify(
  parts: TransferParts,
  crew: HolderCrew,
  placement: Placement,
  lastCommitment: Hex,
  signal: AbortSignal,
): Promise<SignedPlacement> {
  const digest = placementDigest(placement)
  const signatures = await Promise.all(
    crew.holders().map(async (node, row) => {
      if (node.nodeId !== placement.holders[row] || !crew.isWhole(row)) return null
      try {
        const signature = await askSignature(
          { network: parts.network, timeoutMs: parts.stallMs },
          node.url,
          { ...placement, lastCommitment },
          signal,
        )
        if (
          /^0x[0-9a-f]{128}$/.test(signature) &&
          ed25519Verify(hexToBytes(signature), digest, hexToBytes(node.nodeId))
        )
          return signature
        await crew.doubt(row, new Error('its signature does not hold'))
      } catch (fault) {
        if (signal.aborted) throw new AbortedError({ cause: signal.reason })
        if (fault instanceof HolderRefusedError && fault.facts.holderCode === 'version-old') throw fault
        await crew.doubt(row, fault)
      }
      return null
    }),
  )
  return { ...placement, signatures }
}
