/**
 * What a storage node's answer to one question for a fragment comes to. Only a fragment that the node signed and that is
 * not of the file is proof against it; that it shows nothing is the auditor's word. Spec: spec/alignment.md 13.3
 */
import { type Hex, hexToBytes } from '@weightless/codec'
import { fileShape } from '@weightless/crypto'
import {
  checkFragment,
  decodeFragmentFrame,
  digestFrame,
  type FragmentName,
  type FrameDigest,
  isShownBy,
  type SignedPlacement,
} from '@weightless/storage/wire'

/** What came over the network. */
export type FragmentAnswer =
  /** The frame, and the node's signature over it where there was one. */
  | { kind: 'frame'; frame: Uint8Array; signature: string | undefined }
  /** The node is there and shows nothing. */
  | { kind: 'nothing'; detail: string }
  /** Nobody answers there. */
  | { kind: 'silent'; detail: string }

export type FragmentQuestion = { nodeId: Hex; placement: SignedPlacement; row: number; stripe: number }

export type FragmentJudgement = {
  /** `missing`: the node shows no fragment of the file, or signs nothing. */
  verdict: 'right' | 'wrong' | 'missing' | 'void'
  detail: string
  /** What of the frame is signed, and the signature that holds for it. */
  shown?: FrameDigest & { signature: Hex }
}

export function judgeFragment(question: FragmentQuestion, answer: FragmentAnswer): FragmentJudgement {
  if (answer.kind === 'silent') return { verdict: 'void', detail: answer.detail }
  if (answer.kind === 'nothing') return { verdict: 'missing', detail: answer.detail }
  const { frame, signature } = answer
  const digest = digestFrame(frame)
  const isSigned = isShownBy(question.nodeId, nameOf(question), digest, signature)
  const shown = isSigned ? { shown: { ...digest, signature: signature as Hex } } : {}
  const fault = findFault(question, frame)
  if (fault === undefined) return { verdict: 'right', detail: 'of the file', ...shown }
  // What nobody signed could be anybody's, the auditor's too.
  if (!isSigned) return { verdict: 'missing', detail: `another fragment, not signed for: ${fault}` }
  return { verdict: 'wrong', detail: `signed for another fragment: ${fault}`, ...shown }
}

/** What the node signed that it shows. */
export function nameOf({ placement, row, stripe }: Omit<FragmentQuestion, 'nodeId'>): FragmentName {
  const { chainId, root, sizeBytes, dataRows } = placement
  return { chainId, root, sizeBytes, dataRows, row, stripe }
}

/** Undefined for the fragment that was asked for. */
function findFault({ placement, row, stripe }: FragmentQuestion, bytes: Uint8Array): string | undefined {
  const read = decodeFragmentFrame(bytes)
  if (!read.ok) return read.code
  const frame = read.value
  if (frame.row !== row || frame.stripe !== stripe) return 'another row or stripe'
  const isOfCode = frame.dataRows === placement.dataRows && frame.parityRows === placement.parityRows
  if (!isOfCode) return 'another code'
  const checked = checkFragment(hexToBytes(placement.root), fileShape(placement.sizeBytes), frame)
  return checked.ok ? undefined : checked.code
}
