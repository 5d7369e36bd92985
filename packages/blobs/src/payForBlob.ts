/**
 * Finds a root's submission on chain, or submits it: once. Nodes are asked before, the chain's own log here, so that a
 * retry after any failure pays nothing again. Spec: storage §9.
 */
import { bytesToHex, type Hex, quantityToHex, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type FileTree, fileShape, submissionIdentity } from '@weightless/crypto'
import { type Ledger, LedgerUnreachableError, RpcRefusedError } from '@weightless/ledger'
import { decodeLogs } from '@weightless/ledger/watchEvents'
import { runParallel } from './runParallel.ts'

export type Payment = {
  txSeq: number
  txHash: Hex | undefined
  /** 0 when nothing had to be paid. */
  feeWei: bigint
  /** Where the file begins in the flow, in sectors of 256 bytes. */
  startSector: number
}

export type Quote = {
  sizeBytes: number
  /** What the fee counts: sectors of 256 bytes after padding. */
  paddedSectors: number
  priceWeiPerSector: bigint
  feeWei: bigint
}

/** A file to be paid for. */
export type PayWish = {
  file: FileTree
  /** Opaque bytes of the submission; the key-value layer names its streams in them. */
  tags: Hex
  /** Submit even though this very submission is on chain already. The contract charges nothing for it. */
  isAnew: boolean
}

/**
 * The payments of files that no node knows, in their order: those found on chain, and new submissions for the rest, many
 * in one transaction.
 * @throws {BlobUnpaidError} without a ledger, and the ledger's
 */
export async function payOnce(
  ledger: Ledger | undefined,
  readFlowAddress: () => Promise<Hex>,
  wishes: readonly PayWish[],
  onPaid: (wish: PayWish) => void = () => undefined,
): Promise<Payment[]> {
  if (!ledger) throw new BlobUnpaidError({ root: bytesToHex(wishes[0]!.file.root) })
  const address = await readFlowAddress()
  const payments = new Map<PayWish, Payment>()
  const settle = (wish: PayWish, payment: Payment): void => {
    payments.set(wish, payment)
    onPaid(wish)
  }
  await runParallel([...wishes.keys()], searchesAtOnce, async (i) => {
    const wish = wishes[i]!
    const found = wish.isAnew ? undefined : await findSubmission(ledger, address, wish)
    if (found) settle(wish, found)
  })
  const unpaid = wishes.filter((wish) => !payments.has(wish))
  for (let at = 0; at < unpaid.length; at += batchMax) {
    const batch = unpaid.slice(at, at + batchMax)
    const paid = await submitBlobs(ledger, address, batch)
    for (const [i, wish] of batch.entries()) settle(wish, paid[i]!)
  }
  return wishes.map((wish) => payments.get(wish)!)
}

/** What storing so many bytes costs now, the transaction's gas apart. */
export async function quoteBlob(ledger: Ledger, flowAddress: Hex, sizeBytes: number): Promise<Quote> {
  const { paddedSectors } = fileShape(sizeBytes)
  const market = await ledger.read({ address: flowAddress, abi: abis.flow, functionName: 'market' })
  const price = await ledger.read({ address: market, abi: abis.market, functionName: 'pricePerSector' })
  return { sizeBytes, paddedSectors, priceWeiPerSector: price, feeWei: price * BigInt(paddedSectors) }
}

/**
 * Looks for a submission of this very file, newest blocks first, in pages that the chain's node accepts. It gives up
 * after `pagesMax` of them: the Flow contract itself charges nothing for what the same submitter has paid.
 */
async function findSubmission(ledger: Ledger, flowAddress: Hex, wish: PayWish): Promise<Payment | undefined> {
  const identity = bytesToHex(submissionIdentity(wish.file.nodes))
  let to = await ledger.blockNumber()
  let pageBlocks = 500_000n
  for (let page = 0; page < pagesMax && to >= 0n; page++) {
    const from = to >= pageBlocks ? to - pageBlocks + 1n : 0n
    const range = { fromBlock: quantityToHex(from), toBlock: quantityToHex(to) }
    const filter = { address: flowAddress, ...range, topics: [submitTopic, null, identity] }
    try {
      const found = readSubmissions((await ledger.rpc.request('eth_getLogs', [filter])) as never, wish, ledger.address)
      for (const payment of found) if (await isPaid(ledger, flowAddress, payment.txSeq)) return payment
      to = from - 1n
    } catch (fault) {
      if (!(fault instanceof RpcRefusedError) || pageBlocks <= pageBlocksMin) throw fault
      pageBlocks /= 8n
    }
  }
  return undefined
}

const searchesAtOnce = 4
const pagesMax = 64
const pageBlocksMin = 100n

/** The newest first. With tags it must be this account's own: what others say under the same tags is theirs. */
function readSubmissions(logs: never, { file, tags }: PayWish, submitter: Hex | undefined): Payment[] {
  return decodeLogs(abis.flow, logs)
    .flatMap((log) => {
      const { sender, submissionIndex, startPos, submission } = (log as unknown as SubmitLog).args
      if (submission.length !== BigInt(file.shape.sizeBytes)) return []
      const isOwn = submission.tags === tags && sender.toLowerCase() === submitter?.toLowerCase()
      if (tags !== '0x' && !isOwn) return []
      const txHash = log.transactionHash ?? undefined
      return [{ txSeq: Number(submissionIndex), txHash, feeWei: 0n, startSector: Number(startPos) }]
    })
    .reverse()
    .slice(0, foundMax)
}

/** Of one file in one page; older ones have ended before. */
const foundMax = 8

/** Nodes may have pruned what has ended. A flow that knows no lifetimes sets no end. */
async function isPaid(ledger: Ledger, flowAddress: Hex, txSeq: number): Promise<boolean> {
  const call = { address: flowAddress, abi: abis.flow, functionName: 'paidUntilByTxSeq' } as const
  const until = await ledger.read({ ...call, args: [BigInt(txSeq)] }).catch((fault: unknown) => {
    if (fault instanceof LedgerUnreachableError) throw fault
    return 0n
  })
  return until === 0n || until > (await ledger.block('latest')).timestampSeconds
}

/**
 * @throws {SubmissionUnreadableError} when the receipt lacks a Submit event
 * and whatever `ledger.submit` throws: no funds, reverted, still pending
 */
async function submitBlobs(ledger: Ledger, flowAddress: Hex, wishes: readonly PayWish[]): Promise<Payment[]> {
  const submitter = ledger.address!
  const submissions = wishes.map((wish) => ({ data: submissionData(wish), submitter }))
  const fees = await Promise.all(wishes.map((wish) => feeOf(ledger, flowAddress, wish)))
  const value = fees.reduce((sum, fee) => sum + fee, 0n)
  const call = { address: flowAddress, abi: abis.flow, value, gasExtra: treeGas } as const
  const receipt =
    submissions.length === 1
      ? await ledger.submit({ ...call, functionName: 'submit', args: [submissions[0]!] })
      : await ledger.submit({ ...call, functionName: 'batchSubmit', args: [submissions] })
  const logs = decodeLogs(abis.flow, receipt.logs as never) as unknown as (SubmitLog & { eventName: string })[]
  const events = logs.filter(({ eventName }) => eventName === 'Submit')
  if (events.length !== wishes.length) throw new SubmissionUnreadableError({ txHash: receipt.transactionHash })
  return events.map(({ args }, i) => ({
    txSeq: Number(args.submissionIndex),
    txHash: receipt.transactionHash,
    feeWei: fees[i]!,
    startSector: Number(args.startPos),
  }))
}

/** What a submission may cost more where those before it fill the flow's tree up: a new inner node on each of its levels. */
const treeGas = 1_000_000n

/** Nothing for what this account has paid and what has not expired. A flow that cannot say so is paid in full. */
async function feeOf(ledger: Ledger, flowAddress: Hex, wish: PayWish): Promise<bigint> {
  const full = async () => (await quoteBlob(ledger, flowAddress, wish.file.shape.sizeBytes)).feeWei
  if (!wish.isAnew && wish.tags === '0x') return full()
  const args = [ledger.address!, submissionData(wish)] as const
  return ledger.read({ address: flowAddress, abi: abis.flow, functionName: 'quote', args }).catch(full)
}

export function submissionData({ file, tags }: Pick<PayWish, 'file' | 'tags'>) {
  return {
    length: BigInt(file.shape.sizeBytes),
    tags,
    nodes: file.nodes.map(({ root, height }) => ({ root: bytesToHex(root), height: BigInt(height) })),
  }
}

/** So many submissions fit into one transaction with room to spare. */
const batchMax = 32

/** `Submit(address,bytes32,uint256,uint256,uint256,(uint256,bytes,(bytes32,uint256)[]))` */
const submitTopic: Hex = '0x167ce04d2aa1981994d3a31695da0d785373335b1078cec239a1a3a2c7675555'

type SubmitLog = {
  args: { sender: Hex; submissionIndex: bigint; startPos: bigint; submission: { length: bigint; tags: Hex } }
}

export class SubmissionUnreadableError extends WeightlessError {
  constructor(facts: { txHash: Hex }) {
    super('blobs/submission-unreadable', 'The transaction went through but its Submit event is missing.', facts)
  }
}

export class BlobUnpaidError extends WeightlessError {
  constructor(facts: { root: Hex }) {
    super('blobs/blob-unpaid', 'This root has no submission yet, and there is no account to pay for one.', facts, {
      hint: 'Give createBlobs a ledger with an account.',
    })
  }
}
