/** What a storage node reads from the chain, and how the ledger provides it. Spec: storage §7. */
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type Ledger, LedgerUnreachableError } from '@weightless/ledger'
import type { SubmitEvent } from './submission.ts'

export type FlowStep =
  /** All submissions up to and including `block` have now been given. */
  | { readonly block: number; readonly events: readonly SubmitEvent[] }
  /** Everything after this block was taken back. */
  | { readonly revert: number }

export type FlowSource = {
  watch(fromBlock: number, signal: AbortSignal): AsyncIterable<FlowStep>
  /** The chain's flow root after a submission; undefined when it does not keep it. */
  rootAfter(seq: number): Promise<Hex | undefined>
  blockHash(block: number): Promise<Hex>
  /** The newest block, and how many submissions the flow has there. */
  tip(): Promise<{ block: number; submissions: number }>
  /** Until when these submissions are paid. The caller asks for few at once. */
  payments(seqs: readonly number[]): Promise<FlowPayments>
}

/** Times are the chain's, in milliseconds since the epoch. */
export type FlowPayments = {
  /** Of the newest block. */
  nowMs: number
  /** In the order of the question; undefined where the chain sets no end. */
  paidUntilMs: (number | undefined)[]
}

export function createFlowSource(ledger: Ledger, flowAddress: Hex): FlowSource {
  const contract = { address: flowAddress, abi: abis.flow }
  return {
    async *watch(fromBlock, signal) {
      const options = { ...contract, fromBlock: BigInt(fromBlock), eventNames: ['Submit'] }
      for await (const step of ledger.watch(options, signal)) {
        if ('revert' in step) yield { revert: Number(step.revert) }
        else yield { block: Number(step.block), events: step.events.map((event) => readEvent(event as SubmitLog)) }
      }
    },
    async rootAfter(seq) {
      const root = await ledger.read({ ...contract, functionName: 'getFlowRootByTxSeq', args: [BigInt(seq)] })
      return root === noRoot ? undefined : root
    },
    async tip() {
      const submissions = await ledger.read({ ...contract, functionName: 'numSubmissions' })
      return { block: Number(await ledger.blockNumber()), submissions: Number(submissions) }
    },
    blockHash: async (block) => (await ledger.block(BigInt(block))).hash,
    async payments(seqs) {
      const { timestampSeconds } = await ledger.block('latest')
      const paidUntilMs = await Promise.all(seqs.map((seq) => readPaidUntil(ledger, flowAddress, seq)))
      return { nowMs: Number(timestampSeconds) * 1_000, paidUntilMs }
    },
  }
}

/** A flow that does not know of lifetimes, as those of other networks, sets no end. */
async function readPaidUntil(ledger: Ledger, flowAddress: Hex, seq: number): Promise<number | undefined> {
  const call = { address: flowAddress, abi: abis.flow, functionName: 'paidUntilByTxSeq' } as const
  try {
    const seconds = await ledger.read({ ...call, args: [BigInt(seq)] })
    return seconds === 0n ? undefined : Number(seconds) * 1_000
  } catch (fault) {
    if (fault instanceof LedgerUnreachableError) throw fault
    return undefined
  }
}

const noRoot = bytesToHex(new Uint8Array(32))

type SubmitLog = {
  blockNumber: bigint
  args: {
    submissionIndex: bigint
    startPos: bigint
    submission: { length: bigint; nodes: readonly { root: Hex; height: bigint }[] }
  }
}

function readEvent({ blockNumber, args }: SubmitLog): SubmitEvent {
  const { length, nodes } = args.submission
  return {
    seq: Number(args.submissionIndex),
    startSector: Number(args.startPos),
    sizeBytes: Number(length),
    nodes: nodes.map(({ root, height }) => ({ root: hexToBytes(root), height: Number(height) })),
    blockNumber: Number(blockNumber),
  }
}
