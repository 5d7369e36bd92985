/** Turns a hit into the contract's answer, and hands it in. Spec: mining §5. */
import { bytesToHex, type Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type Ledger, TransactionRevertedError } from '@weightless/ledger'
import type { ProveSeal } from './minableSegments.ts'
import type { Hit } from './recall.ts'

export type AnswerOutcome =
  | { kind: 'accepted'; blockNumber: bigint; transactionHash: Hex; gasUsed: bigint }
  /** The contract would not take it, with its reason: too late, enough of them, not what it wants. */
  | { kind: 'refused'; reason: string }
  /** The data's place in the flow could not be proved: the segment went away, or the chain did. */
  | { kind: 'unproved' }

export type SubmitParts = { ledger: Ledger; mine: Hex; minerId: Hex; prove: ProveSeal }

/** Roughly what an answer costs; of what it pays at most a tenth goes to whoever makes the block. */
const gasPerAnswer = 330_000n
const tipPart = 10n

/**
 * @param payWei - what the answer is expected to pay, where that is known; then it bounds the tip
 * @throws the ledger's, but for a revert
 */
export async function submitAnswer(
  { ledger, mine, minerId, prove }: SubmitParts,
  hit: Hit,
  options: { deadlineMs: number; signal: AbortSignal },
  payWei?: bigint,
): Promise<AnswerOutcome> {
  const position = hit.load + 16 * hit.seal
  const siblings = await prove(position, hit.puzzle.work.flowRoot)
  if (!siblings) return { kind: 'unproved' }
  const answer = {
    contextDigest: bytesToHex(hit.puzzle.work.contextDigest),
    nonce: bytesToHex(hit.nonce),
    minerId,
    range: hit.puzzle.range,
    recallPosition: BigInt(position),
    sealOffset: BigInt(hit.seal),
    sealedContextDigest: bytesToHex(hit.sealedContextDigest),
    sealedData: wordsOf(hit.sealedData),
    merkleProof: siblings.map((sibling) => bytesToHex(sibling)),
  }
  const tip = payWei === undefined ? {} : { tipPerGasMax: payWei / tipPart / gasPerAnswer }
  const intent = { address: mine, abi: abis.poraMine, functionName: 'submit', args: [answer], ...tip } as const
  try {
    const { blockNumber, transactionHash, gasUsed } = await ledger.submit(intent, { until: 'included', ...options })
    return { kind: 'accepted', blockNumber, transactionHash, gasUsed }
  } catch (fault) {
    if (!(fault instanceof TransactionRevertedError)) throw fault
    return { kind: 'refused', reason: fault.reason.text ?? fault.reason.errorName ?? 'no reason given' }
  }
}

function wordsOf(seal: Uint8Array): Hex[] {
  return Array.from({ length: seal.length / 32 }, (_, at) => bytesToHex(seal.subarray(32 * at, 32 * at + 32)))
}
