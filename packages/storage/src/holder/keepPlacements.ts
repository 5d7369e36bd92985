/**
 * The placements that this node has a part in: it signs one when its whole row is durable here, belongs to the coding root,
 * and takes no row from a node that still has it; and it keeps the newest that others show it. Spec: storage §12.
 */
import { accept, bytesEqual, bytesToText, type Hex, reject, textToBytes, type Verdict } from '@weightless/codec'
import type { FileShape } from '@weightless/crypto'
import { readPlacement, type SignedPlacement, signPlacement } from '../wire/index.ts'
import { type AskOldHolder, type AskOldHolderParts, createAskOldHolder, type OldHolderState } from './askOldHolder.ts'
import { checkProposal, type ProposalParts, readProposal } from './checkProposal.ts'
import type { HeldFile } from './fragmentStore.ts'
import { basisOf, isOwn, isSamePlacement, type WeighFault, weighShown, weighStep } from './weighPlacement.ts'

export type KeeperParts = ProposalParts &
  AskOldHolderParts & {
    secretKey: Uint8Array
    /** A placement is new here. */
    onPlaced?(placement: SignedPlacement): void
  }

export type SignFault =
  | WeighFault
  | 'placement-signature-wrong'
  | 'submission-unknown'
  | 'fragments-missing'
  | 'coding-root-wrong'
  | 'holder-live'
  | 'asked-too-often'

export type PlacementKeeper = {
  /** Signs what a writer or a repairer proposes, once it is true here. That alone fixes nothing: see `put`. */
  sign(json: unknown, signal: AbortSignal): Promise<Verdict<{ nodeId: Hex; row: number; signature: Hex }, SignFault>>
  /** Keeps a signed placement that is newer than the one known; resolves when it is durable. */
  put(root: Hex, json: unknown, signal: AbortSignal): Promise<Verdict<SignedPlacement, SignFault>>
  find(root: Hex): SignedPlacement[]
  get(root: Hex, sizeBytes: number): SignedPlacement | undefined
  /** Whether the newest placement of a file gives this node this row. */
  isPlaced(file: Pick<HeldFile, 'root' | 'sizeBytes' | 'dataRows' | 'parityRows' | 'row'>): boolean
  /** In the order of roots, behind `after` (the key of the last one seen). */
  list(limit: number, after?: string): { key: string; placement: SignedPlacement }[]
  forget(root: Hex, sizeBytes: number): Promise<void>
}

/** A placement on disk. It is only told where neither our own signature nor an earlier one speaks for it: then no version follows from it. */
type Kept = { placement: SignedPlacement; isTold: boolean }

const prefix = 'own/placement/'
const nameOf = (root: Hex, sizeBytes: number): string => `${root}/${sizeBytes.toString(16).padStart(13, '0')}`

export function keepPlacements(parts: KeeperParts): PlacementKeeper {
  const { nodeId, fragments } = parts
  const { own } = fragments.records
  const askOldHolder = createAskOldHolder(parts)

  const read = (root: Hex, sizeBytes: number): Kept | undefined => {
    const value = own.get(prefix + nameOf(root, sizeBytes))
    return value && parse(value)
  }
  const get = (root: Hex, sizeBytes: number) => read(root, sizeBytes)?.placement
  const find = (root: Hex) => own.list(`${prefix}${root}/`, sizesMax).map(({ value }) => parse(value).placement)
  /** What a next version must follow. */
  const binding = (root: Hex, sizeBytes: number): SignedPlacement | undefined => {
    const kept = read(root, sizeBytes)
    return kept?.isTold ? undefined : kept?.placement
  }

  return {
    find,
    get,
    isPlaced: ({ root, sizeBytes, dataRows, parityRows, row }) =>
      [get(root, sizeBytes), ...find(root)].some(
        (placement) =>
          placement?.dataRows === dataRows && placement.parityRows === parityRows && placement.holders[row] === nodeId,
      ),
    list: (limit, after) =>
      own.list(prefix, limit, after === undefined ? undefined : prefix + after).map(({ key, value }) => ({
        key: key.slice(prefix.length),
        placement: parse(value).placement,
      })),
    async forget(root, sizeBytes) {
      const key = prefix + nameOf(root, sizeBytes)
      if (own.get(key) === undefined) return
      own.set(key, undefined)
      await own.flush()
    },
    async sign(json, signal) {
      const proposal = readProposal(parts, json)
      if (!proposal.ok) return proposal
      const { placement, row, earlier } = proposal.value
      const basis = basisOf(nodeId, placement, binding(placement.root, placement.sizeBytes), earlier)
      const step = weighStep(placement, basis)
      if (!step.ok) return step
      const checked = await checkProposal(parts, proposal.value, basis, signal)
      if (!checked.ok) return checked
      if (basis && step.value.kind === 'next') {
        const freed = await checkFreed({ nodeId, askOldHolder }, basis, step.value.changed, checked.value)
        if (!freed.ok) return freed
      }
      // Others may have shown a newer one meanwhile.
      const now = basisOf(nodeId, placement, binding(placement.root, placement.sizeBytes), basis)
      const isMoved = now && !isSamePlacement(now, placement) && !(basis && isSamePlacement(now, basis))
      if (isMoved) return reject('version-old', `version ${now.version} came meanwhile`)
      return accept({ nodeId, row, signature: signPlacement(placement, parts.secretKey) })
    },
    async put(root, json, signal) {
      const shown = readPlacement(json)
      if (!shown.ok) return shown
      const placement = shown.value
      if (placement.root !== root || placement.chainId !== parts.chainId) return reject('placement-malformed', 'root')
      // Only what was paid for is kept, so that nobody fills the disk with records.
      if (!(await parts.submissions.find(root, placement.sizeBytes, signal))) return reject('submission-unknown')
      const old = read(root, placement.sizeBytes)
      const isSame = old !== undefined && isSamePlacement(old.placement, placement)
      const weighed = weighShown(nodeId, placement, old?.isTold && !isSame ? undefined : old?.placement)
      if (!weighed.ok) return weighed
      const isTold = (old === undefined || old.isTold) && !isOwn(nodeId, weighed.value)
      const value = textToBytes(JSON.stringify(isTold ? { ...weighed.value, isTold } : weighed.value))
      const key = prefix + nameOf(root, placement.sizeBytes)
      // Neighbours tell what is known again and again.
      const stored = own.get(key)
      if (stored && bytesEqual(stored, value)) return weighed
      own.set(key, value)
      await own.flush()
      parts.onPlaced?.(weighed.value)
      return weighed
    },
  }
}

/** Whether each of these rows is free for another node: never signed for, or its holder has been asked and has it no more. */
async function checkFreed(
  { nodeId, askOldHolder }: { nodeId: Hex; askOldHolder: AskOldHolder },
  basis: SignedPlacement,
  rows: readonly number[],
  shape: FileShape,
): Promise<Verdict<undefined, 'holder-live' | 'asked-too-often'>> {
  // A node has one row of a file: what is proposed for this one is here, what it had before is not.
  const asked = rows.filter((row) => basis.signatures[row] !== null && basis.holders[row] !== nodeId)
  const states = await Promise.all(asked.map((row) => askOldHolder(basis, row, shape)))
  const at = (state: OldHolderState) => asked[states.indexOf(state)]
  const live = at('live')
  if (live !== undefined) return reject('holder-live', `row ${live} is still at ${basis.holders[live]}`)
  return states.includes('busy') ? reject('asked-too-often') : accept(undefined)
}

/** Sizes of one root that are looked at; anybody may submit a root with a size that is not its file's. */
const sizesMax = 8

function parse(value: Uint8Array): Kept {
  const { isTold = false, ...placement } = JSON.parse(bytesToText(value)) as SignedPlacement & { isTold?: boolean }
  return { placement, isTold }
}
