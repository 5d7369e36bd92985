/**
 * Finds a root's submission on chain, or submits it: once. Nodes are asked before, the chain's own log here, so that a
 * retry after any failure pays nothing again. Spec: storage §9.
 */
import { bytesToHex, type Hex, quantityToHex, WeightlessError } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type FileShape, type FileTree, fileShape, submissionIdentity } from '@weightless/crypto'
import { type Ledger, RpcRefusedError } from '@weightless/ledger'
import { decodeLogs } from '@weightless/ledger/watchEvents'

export type Payment = {
  txSeq: number
  txHash: Hex | undefined
  /** 0 when nothing had to be paid. */
  feeWei: bigint
}

export type Quote = {
  sizeBytes: number
  /** What the fee counts: sectors of 256 bytes after padding. */
  paddedSectors: number
  priceWeiPerSector: bigint
  feeWei: bigint
}

/**
 * The payment of a file that no node knows: the one found on chain, else a new submission.
 * @throws {BlobUnpaidError} without a ledger, and the ledger's
 */
export async function payOnce(
  ledger: Ledger | undefined,
  readFlowAddress: () => Promise<Hex>,
  file: FileTree,
): Promise<Payment> {
  if (!ledger) throw new BlobUnpaidError({ root: bytesToHex(file.root) })
  const address = await readFlowAddress()
  return (await findSubmission(ledger, address, file)) ?? (await submitBlob(ledger, address, file))
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
async function findSubmission(ledger: Ledger, flowAddress: Hex, file: FileTree): Promise<Payment | undefined> {
  const identity = bytesToHex(submissionIdentity(file.nodes))
  let to = await ledger.blockNumber()
  let pageBlocks = 500_000n
  for (let page = 0; page < pagesMax && to >= 0n; page++) {
    const from = to >= pageBlocks ? to - pageBlocks + 1n : 0n
    const range = { fromBlock: quantityToHex(from), toBlock: quantityToHex(to) }
    const filter = { address: flowAddress, ...range, topics: [submitTopic, null, identity] }
    try {
      const found = readSubmission((await ledger.rpc.request('eth_getLogs', [filter])) as never, file)
      if (found) return found
      to = from - 1n
    } catch (fault) {
      if (!(fault instanceof RpcRefusedError) || pageBlocks <= pageBlocksMin) throw fault
      pageBlocks /= 8n
    }
  }
  return undefined
}

const pagesMax = 64
const pageBlocksMin = 100n

function readSubmission(logs: never, file: FileTree): Payment | undefined {
  for (const log of decodeLogs(abis.flow, logs)) {
    const { submissionIndex, submission } = (log as unknown as SubmitLog).args
    if (submission.length !== BigInt(file.shape.sizeBytes)) continue
    return { txSeq: Number(submissionIndex), txHash: log.transactionHash ?? undefined, feeWei: 0n }
  }
  return undefined
}

/**
 * @throws {SubmissionUnreadableError} when the receipt holds no Submit event
 * and whatever `ledger.submit` throws: no funds, reverted, still pending
 */
async function submitBlob(ledger: Ledger, flowAddress: Hex, file: FileTree): Promise<Payment> {
  const { feeWei } = await quoteBlob(ledger, flowAddress, file.shape.sizeBytes)
  const receipt = await ledger.submit({
    address: flowAddress,
    abi: abis.flow,
    functionName: 'submit',
    args: [{ data: submissionData(file), submitter: ledger.address! }],
    value: feeWei,
  })
  const logs = decodeLogs(abis.flow, receipt.logs as never)
  const event = logs.find((log) => (log as unknown as { eventName: string }).eventName === 'Submit')
  if (!event) throw new SubmissionUnreadableError({ txHash: receipt.transactionHash })
  const txSeq = Number((event as unknown as SubmitLog).args.submissionIndex)
  return { txSeq, txHash: receipt.transactionHash, feeWei }
}

function submissionData({ shape, nodes }: { shape: FileShape; nodes: FileTree['nodes'] }) {
  return {
    length: BigInt(shape.sizeBytes),
    tags: '0x' as Hex,
    nodes: nodes.map(({ root, height }) => ({ root: bytesToHex(root), height: BigInt(height) })),
  }
}

/** `Submit(address,bytes32,uint256,uint256,uint256,(uint256,bytes,(bytes32,uint256)[]))` */
const submitTopic: Hex = '0x167ce04d2aa1981994d3a31695da0d785373335b1078cec239a1a3a2c7675555'

type SubmitLog = { args: { submissionIndex: bigint; submission: { length: bigint } } }

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
