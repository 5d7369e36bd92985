/** Collects the holders' signatures under a placement: each checks that it has its whole row before it signs. Spec: storage §12. */
import { type Hex, hexToBytes } from '@weightless/codec'
import { ed25519Verify } from '@weightless/crypto'
import { AbortedError } from '@weightless/env'
import {
  type NodeRecord,
  type Placement,
  placementDigest,
  placementStage,
  type SignedPlacement,
  vouching,
} from '@weightless/storage/wire'
import { askPlacements, askSignature, HolderRefusedError } from '../network/askHolder.ts'
import type { TransferParts } from '../network/transferParts.ts'
import type { HolderCrew } from './holderCrew.ts'

export type Draft = {
  placement: Placement
  /** Of the last stripe, of which a holder may have no fragment. */
  lastCommitment: Hex
  /** The placement that this one follows, or adds signatures to. */
  earlier: SignedPlacement | undefined
}

export type Certified = {
  /** Rows that are not whole, and those whose holders did not sign, have null. */
  placement: SignedPlacement
  /** What a holder goes by already, where it is not older than what was proposed. */
  newer?: SignedPlacement
  /** Why a holder that is well does not sign yet. */
  heldUp?: HolderRefusedError
}

/** A row is not free as that holder sees it, or it has asked too many others lately: no fault of its own. */
const waitingCodes = ['holder-live', 'asked-too-often']

/** Holders that should have signed and did not are doubted. */
export async function certify(
  parts: TransferParts,
  crew: HolderCrew,
  draft: Draft,
  signal: AbortSignal,
): Promise<Certified> {
  const { placement, lastCommitment, earlier } = draft
  const digest = placementDigest(placement)
  const found: Pick<Certified, 'newer' | 'heldUp'> = {}
  const ask = { network: parts.network, timeoutMs: parts.stallMs }

  async function refused(row: number, node: NodeRecord, fault: unknown): Promise<void> {
    if (signal.aborted) throw new AbortedError({ cause: signal.reason })
    const code = fault instanceof HolderRefusedError ? fault.facts.holderCode : ''
    const newer = code === 'version-old' ? await askNewer(ask, node.url, placement, signal) : undefined
    if (newer) found.newer = newer
    if (newer || waitingCodes.includes(code)) found.heldUp = fault as HolderRefusedError
    else await crew.doubt(row, fault)
  }

  const signatures = await Promise.all(
    crew.holders().map(async (node, row) => {
      if (node.nodeId !== placement.holders[row] || !crew.isWhole(row)) return null
      try {
        const signature = await askSignature(ask, node.url, { ...placement, lastCommitment, earlier }, signal)
        const isForm = /^0x[0-9a-f]{128}$/.test(signature)
        if (isForm && ed25519Verify(hexToBytes(signature), digest, hexToBytes(node.nodeId))) return signature
        await crew.doubt(row, new Error('its signature does not hold'))
      } catch (fault) {
        await refused(row, node, fault)
      }
      return null
    }),
  )
  return { placement: { ...placement, signatures }, ...found }
}

/** What a holder goes by instead. One that k of our holders did not sign is nothing to follow: the others would not. */
async function askNewer(
  ask: Pick<TransferParts, 'network' | 'timeoutMs'>,
  url: string,
  proposal: Placement,
  signal: AbortSignal,
): Promise<SignedPlacement | undefined> {
  const known = await askPlacements(ask, url, proposal.root, signal).catch(() => [])
  if (signal.aborted) throw new AbortedError({ cause: signal.reason })
  return known.find(
    (each) =>
      each.sizeBytes === proposal.sizeBytes &&
      each.version >= proposal.version &&
      placementStage(each) !== 'open' &&
      vouching(each, proposal) >= each.dataRows,
  )
}
