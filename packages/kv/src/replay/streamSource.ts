/** What a key-value node reads from the chain: submissions with their streams and their true sender. Spec: kv §2.1. */
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { foldNodes } from '@weightless/crypto'
import { type Ledger, RpcRefusedError } from '@weightless/ledger'
import { decodeStreamTags } from '../wire/index.ts'

export type StreamSubmission = {
  seq: number
  root: Hex
  sizeBytes: number
  block: number
  blockHash: Hex
  /** Absent where the submission is no key-value transaction; what follows is then absent too. */
  streamIds?: readonly Hex[]
  /** Who signed the EVM transaction. */
  sender: Hex
  blockSeconds: number
}

export type StreamStep =
  /** Everything up to and including `block` has now been given; `final` when it cannot be taken back. */
  | { readonly block: number; readonly final: boolean; readonly submissions: readonly StreamSubmission[] }
  /** Everything after this block was taken back. */
  | { readonly revert: number }

export type StreamSource = {
  watch(fromBlock: number, signal: AbortSignal): AsyncIterable<StreamStep>
  /** Undefined when the chain has no such block. */
  blockHash(block: number): Promise<Hex | undefined>
  /** Time of the newest block. */
  headSeconds(): Promise<number>
}

const parallelMax = 16

export function createStreamSource(ledger: Ledger, flowAddress: Hex): StreamSource {
  const options = { address: flowAddress, abi: abis.flow, eventNames: ['Submit'] }
  return {
    async *watch(fromBlock, signal) {
      for await (const step of ledger.watch({ ...options, fromBlock: BigInt(fromBlock) }, signal)) {
        if ('revert' in step) yield { revert: Number(step.revert) }
        else {
          const submissions = await readEvents(ledger, step.events as unknown as readonly SubmitLog[], signal)
          yield { block: Number(step.block), final: step.final, submissions }
        }
      }
    },
    async blockHash(block) {
      const found = (await ledger.rpc.request('eth_getBlockByNumber', [`0x${block.toString(16)}`, false])) as {
        hash: Hex
      } | null
      return found?.hash
    },
    headSeconds: async () => Number((await ledger.block('latest')).timestampSeconds),
  }
}

type SubmitLog = {
  blockNumber: bigint
  blockHash: Hex
  transactionHash: Hex
  args: {
    submissionIndex: bigint
    submission: { length: bigint; tags: Hex; nodes: readonly { root: Hex; height: bigint }[] }
  }
}

async function readEvents(
  ledger: Ledger,
  events: readonly SubmitLog[],
  signal: AbortSignal,
): Promise<StreamSubmission[]> {
  const submissions: StreamSubmission[] = []
  for (let at = 0; at < events.length; at += parallelMax) {
    const some = events.slice(at, at + parallelMax)
    submissions.push(...(await Promise.all(some.map((event) => readEvent(ledger, event, signal)))))
  }
  return submissions
}

async function readEvent(ledger: Ledger, event: SubmitLog, signal: AbortSignal): Promise<StreamSubmission> {
  const { submissionIndex, submission } = event.args
  const nodes = submission.nodes.map(({ root, height }) => ({ root: hexToBytes(root), height: Number(height) }))
  const plain = {
    seq: Number(submissionIndex),
    root: bytesToHex(foldNodes(nodes)),
    sizeBytes: Number(submission.length),
    block: Number(event.blockNumber),
    blockHash: event.blockHash,
    sender: nobody,
    blockSeconds: 0,
  }
  const streamIds = decodeStreamTags(hexToBytes(submission.tags))
  if (!streamIds || streamIds.length === 0) return plain
  const [transaction, block] = await Promise.all([
    ledger.rpc.request('eth_getTransactionByHash', [event.transactionHash], signal) as Promise<{ from: Hex } | null>,
    ledger.block(event.blockNumber),
  ])
  // A block that was just reorganised away: the watcher comes again with the new one.
  if (!transaction) throw new RpcRefusedError('eth_getTransactionByHash', 0, 'the transaction is gone', undefined)
  return {
    ...plain,
    streamIds,
    sender: transaction.from.toLowerCase() as Hex,
    blockSeconds: Number(block.timestampSeconds),
  }
}

const nobody: Hex = `0x${'00'.repeat(20)}`
