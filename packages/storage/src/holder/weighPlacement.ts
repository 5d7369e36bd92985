/**
 * Which placement a holder goes by, and which version it signs next. What it signed fixes nothing; what counts is the newest
 * placement that enough have signed. Spec: storage §12.
 */
import { accept, bytesEqual, type Hex, reject, type Verdict } from '@weightless/codec'
import {
  type Placement,
  placementDigest,
  placementStage,
  type SignedPlacement,
  supersedes,
  vouching,
} from '../wire/index.ts'

export type WeighFault =
  | 'placement-malformed'
  | 'not-a-holder'
  | 'version-old'
  | 'version-gap'
  | 'placement-same'
  | 'holders-replaced'

export const isSamePlacement = (a: Placement, b: Placement): boolean =>
  bytesEqual(placementDigest(a), placementDigest(b))

/** Whether a placement bears the signature of this node, which nobody else can make. */
export function isOwn(nodeId: Hex, { holders, signatures }: SignedPlacement): boolean {
  const row = holders.indexOf(nodeId)
  return row >= 0 && signatures[row] !== null
}

/**
 * Whether a placement that somebody shows is the one to go by from now on.
 * @param old the one that this node has gone by; of a same one the signatures are joined
 */
export function weighShown(
  nodeId: Hex,
  shown: SignedPlacement,
  old: SignedPlacement | undefined,
): Verdict<SignedPlacement, WeighFault> {
  if (placementStage(shown) === 'open') return reject('placement-malformed', 'too few signatures')
  if (old && isSamePlacement(old, shown)) {
    return accept({ ...shown, signatures: shown.signatures.map((one, at) => one ?? old.signatures[at] ?? null) })
  }
  if (old && !supersedes(shown, old)) return reject('version-old', `version ${old.version} is known`)
  // Our own signature cannot be made by others; without it, most of the holders that we know must have signed.
  if (isOwn(nodeId, shown)) return accept(shown)
  if (!old) return shown.holders.includes(nodeId) ? accept(shown) : reject('not-a-holder')
  const count = vouching(shown, old)
  return count >= old.dataRows ? accept(shown) : reject('holders-replaced', `${count} vouch`)
}

/**
 * The placement that a proposal must follow: the one that this node goes by, or a newer one that the asker shows beside. A
 * node that knows none, as the next in line for a row, believes one that k holders of the proposal have signed.
 */
export function basisOf(
  nodeId: Hex,
  proposal: Placement,
  known: SignedPlacement | undefined,
  shown: SignedPlacement | undefined,
): SignedPlacement | undefined {
  if (!shown || shown.root !== proposal.root || shown.sizeBytes !== proposal.sizeBytes) return known
  if (shown.chainId !== proposal.chainId || placementStage(shown) === 'open') return known
  if (known) {
    const weighed = weighShown(nodeId, shown, known)
    return weighed.ok ? weighed.value : known
  }
  const staying = shown.holders.filter((holder, row) => shown.signatures[row] && proposal.holders[row] === holder)
  return isOwn(nodeId, shown) || staying.length >= shown.dataRows ? shown : undefined
}

/** `again`: what all go by already. `next`: the version behind it, with these rows under other holders. */
export type Step = { kind: 'again' } | { kind: 'next'; changed: number[] }

export function weighStep(
  proposal: Placement,
  basis: SignedPlacement | undefined,
): Verdict<Step, 'version-old' | 'version-gap' | 'placement-same'> {
  const version = basis?.version ?? 0
  if (basis && isSamePlacement(basis, proposal)) return accept({ kind: 'again' })
  if (proposal.version <= version) return reject('version-old', `version ${version} is known`)
  if (proposal.version > version + 1) return reject('version-gap', `of the versions before, ${version} is known`)
  if (!basis) return accept({ kind: 'next', changed: [] })
  const { dataRows, parityRows, codingRoot } = basis
  const isSameCode =
    dataRows === proposal.dataRows && parityRows === proposal.parityRows && codingRoot === proposal.codingRoot
  const rows = [...basis.holders.keys()]
  const changed = isSameCode ? rows.filter((row) => basis.holders[row] !== proposal.holders[row]) : rows
  return changed.length > 0 ? accept({ kind: 'next', changed }) : reject('placement-same')
}
