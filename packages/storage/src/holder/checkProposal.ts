/** Whether what a writer or a repairer proposes is true here: this node's row is whole, and belongs to the coding root. Spec: storage §12. */
import { accept, bytesToHex, type Hex, hexToBytes, reject, type Verdict } from '@weightless/codec'
import { codingRoot, stripeCommitment } from '@weightless/coder'
import type { FileShape } from '@weightless/crypto'
import { decodeFragmentFrame, type Placement, readPlacement, type SignedPlacement, stripesOf } from '../wire/index.ts'
import type { SubmissionWatch } from './awaitSubmission.ts'
import { type FragmentStore, fragmentsOf, isSameRow } from './fragmentStore.ts'
import { isOwn } from './weighPlacement.ts'

export type ProposalParts = {
  nodeId: Hex
  chainId: number
  fragments: FragmentStore
  submissions: SubmissionWatch
}

export type Proposal = {
  placement: Placement
  /** This node's. */
  row: number
  /** The accepted or final placement that it follows, as the asker knows it; its signatures hold. */
  earlier: SignedPlacement | undefined
  lastCommitment: string | undefined
}

export function readProposal(
  { nodeId, chainId }: Pick<ProposalParts, 'nodeId' | 'chainId'>,
  json: unknown,
): Verdict<Proposal, 'placement-malformed' | 'placement-signature-wrong' | 'not-a-holder'> {
  const { holders, lastCommitment, earlier } = (json ?? {}) as { [name: string]: unknown }
  const blank = Array.isArray(holders) ? holders.map(() => null) : []
  const read = readPlacement({ ...(json as object), signatures: blank })
  if (!read.ok) return read
  const shown = earlier === undefined ? undefined : readPlacement(earlier)
  if (shown && !shown.ok) return shown
  const { signatures: _, ...placement } = read.value
  if (placement.chainId !== chainId) return reject('placement-malformed', 'chainId')
  const row = placement.holders.indexOf(nodeId)
  if (row < 0) return reject('not-a-holder')
  const last = typeof lastCommitment === 'string' ? lastCommitment : undefined
  return accept({ placement, row, earlier: shown?.value, lastCommitment: last })
}

/** @param basis the placement that it follows: what this node signed there need not be read and hashed again */
export async function checkProposal(
  { nodeId, fragments, submissions }: ProposalParts,
  { placement, row, lastCommitment }: Proposal,
  basis: SignedPlacement | undefined,
  signal: AbortSignal,
): Promise<Verdict<FileShape, 'submission-unknown' | 'fragments-missing' | 'coding-root-wrong'>> {
  const { root, sizeBytes, dataRows, parityRows } = placement
  const submission = await submissions.find(root, sizeBytes, signal)
  if (!submission?.shape) return reject('submission-unknown')
  const { shape, fileKey } = submission
  const wanted = { fileKey, dataRows, parityRows, row }
  const file = fragments.file(fileKey)
  const isHere = fragmentsOf(shape, dataRows, row) === 0 || (file && isSameRow(file, wanted))
  if (!isHere || !fragments.isWhole(wanted, shape)) return reject('fragments-missing')
  const isSameRoot = basis?.codingRoot === placement.codingRoot && basis.dataRows === dataRows
  const isSigned = isSameRoot && basis.holders[row] === nodeId && isOwn(nodeId, basis)
  const isRight = isSigned || (await isCodingRoot(fragments, placement, { fileKey, shape, row }, lastCommitment))
  return isRight ? accept(shape) : reject('coding-root-wrong')
}

/**
 * Whether the commitments of our fragments make the coding root. A data row that the last stripe does not have needs that
 * stripe's commitment from the writer; without it, the holders of all other rows are those that check.
 */
async function isCodingRoot(
  fragments: FragmentStore,
  placement: Placement,
  { fileKey, shape, row }: { fileKey: string; shape: FileShape; row: number },
  lastCommitment: string | undefined,
): Promise<boolean> {
  const { dataRows, sizeBytes } = placement
  const stripes = stripesOf(shape, dataRows)
  const own = fragmentsOf(shape, dataRows, row)
  if (own < stripes && !/^0x[0-9a-f]{64}$/.test(lastCommitment ?? '')) return true
  const commitments: (Uint8Array | undefined)[] = []
  for (let from = 0; from < own; from += readAtOnce) {
    const count = Math.min(readAtOnce, own - from)
    const some = Array.from({ length: count }, (_, at) => readCommitment(fragments, fileKey, from + at, sizeBytes))
    commitments.push(...(await Promise.all(some)))
  }
  if (own < stripes) commitments.push(hexToBytes(lastCommitment as Hex))
  const known = commitments.filter((each) => each !== undefined)
  return known.length === stripes && bytesToHex(codingRoot(known)) === placement.codingRoot
}

const readAtOnce = 16

async function readCommitment(
  fragments: FragmentStore,
  fileKey: string,
  stripe: number,
  sizeBytes: number,
): Promise<Uint8Array | undefined> {
  const recent = fragments.recent.find(fileKey, stripe)
  if (recent) return recent
  const bytes = await fragments.read(fileKey, stripe, sizeBytes)
  const frame = bytes && decodeFragmentFrame(bytes)
  return frame?.ok ? stripeCommitment(frame.value) : undefined
}
