/**
 * Stores a blob: hash, ask, pay once, spread what is missing. Payment and coding run side by side. After a failure the
 * same call goes on where it stopped. Spec: storage §9.
 */
import { bytesToHex, type Hex } from '@weightless/codec'
import { type FileTree, segmentSectors } from '@weightless/crypto'
import type { Ledger } from '@weightless/ledger'
import {
  defaultRedundancy,
  type NodeRecord,
  placementStage,
  type Redundancy,
  type SignedPlacement,
} from '@weightless/storage/wire'
import type { BlobSource } from './blobSource.ts'
import { readFlowAddress } from './findFlow.ts'
import { askFileInfo, findStorageNodes } from './findNodes.ts'
import { HolderRefusedError, putPlacement } from './network/askHolder.ts'
import { askLocation, askNodes } from './network/askIndexer.ts'
import type { TransferParts } from './network/transferParts.ts'
import { type Payment, type PayWish, payOnce } from './payForBlob.ts'
import { sendWhole } from './putWhole.ts'
import { type SpreadOptions, spreadFile } from './spread/spreadFile.ts'
import type { ProgressTracker } from './trackProgress.ts'

export type PutParts = TransferParts & {
  indexerUrl: string
  ledger: Ledger | undefined
  /** Found by asking a node where it is not given. */
  flowAddress: Hex | undefined
  redundancy: Redundancy | 'auto'
}

/** Where a root is before anything is done about it. */
export type KnownBlob = {
  /** Live nodes of coded storage; none where the network has none. */
  nodes: readonly NodeRecord[]
  /** Of this root and size, accepted or final. */
  placement: SignedPlacement | undefined
  /** Its submission, as a node knows it. */
  payment: Payment | undefined
  /** Nodes that take whole files: asked where there is no coded storage. */
  wholeUrls: readonly string[]
  isFinal: boolean
}

export type PutBlob = {
  root: Hex
  txSeq: number
  /** Undefined when an earlier submission of this root served. */
  txHash: Hex | undefined
  sizeBytes: number
  feeWei: bigint
  /** `final`: any third of its nodes may vanish. `accepted`: the hand-off to the last ones goes on behind. */
  stage: 'accepted' | 'final'
  /** Undefined where a node keeps the file whole. */
  placement: SignedPlacement | undefined
}

/** What the network knows of a file. @throws {StorageUnavailableError} {NetworkError} */
export async function findKnown(parts: PutParts, file: FileTree, signal: AbortSignal | undefined): Promise<KnownBlob> {
  const { indexerUrl, timeoutMs, network } = parts
  const root = bytesToHex(file.root)
  const { sizeBytes } = file.shape
  const options = { timeoutMs, ...(signal ? { signal } : {}) }
  const [location, nodes] = await Promise.all([
    askLocation(parts, indexerUrl, root, signal),
    askNodes(parts, indexerUrl, signal),
  ])
  const placement = location?.placements.find((one) => one.sizeBytes === sizeBytes)
  const isCoded = nodes.length > 0
  const wholeUrls = isCoded ? [] : await findStorageNodes(network, indexerUrl, options)
  const asked = isCoded ? [indexerUrl, ...nodes.slice(0, 3).map(({ url }) => url)] : wholeUrls
  const known = await askFileInfo(network, asked, root, options)
  const isSame = known?.info.tx.size === sizeBytes
  // What was pruned has to be paid anew, and is not there any more, whatever an indexer remembers.
  const isOver = isSame && known?.info.pruned === true
  const payment = isSame && known && !isOver ? paymentOf(known.info.tx) : undefined
  const isWhole = !isCoded && isSame && known?.info.finalized === true
  const isPlaced = placement !== undefined && placementStage(placement) === 'final'
  const isFinal = isWhole || (isPlaced && !isOver)
  return { nodes, placement, payment, wholeUrls, isFinal }
}

function paymentOf({ seq, startEntryIndex }: { seq: number; startEntryIndex: number }): Payment {
  return { txSeq: seq, txHash: undefined, feeWei: 0n, startSector: startEntryIndex }
}

/** Pays for files that are not paid, all in one transaction; the payments in their order. */
export function payFor(
  parts: PutParts,
  known: KnownBlob,
  wishes: readonly PayWish[],
  onPaid?: (wish: PayWish) => void,
): Promise<Payment[]> {
  const named = parts.flowAddress ?? known.nodes[0]?.flowAddress
  return payOnce(parts.ledger, async () => named ?? readFlowAddress(parts.network, known.wholeUrls[0]!), wishes, onPaid)
}

export type StoreOptions = Pick<SpreadOptions, 'until' | 'onHandOff'> & {
  redundancy?: Redundancy | 'auto' | undefined
  signal?: AbortSignal | undefined
}

/** Brings a file that has been hashed to where it belongs. `paying` may still be under way. */
export async function storeFile(
  parts: PutParts,
  { source, file, known, paying }: { source: BlobSource; file: FileTree; known: KnownBlob; paying: Promise<Payment> },
  options: StoreOptions,
  progress: ProgressTracker,
): Promise<PutBlob> {
  const { sizeBytes } = file.shape
  const done = { root: bytesToHex(file.root), sizeBytes }
  const { signal } = options
  if (known.isFinal) {
    const { startSector: _, ...payment } = await paying
    progress.enter('uploading', sizeBytes, sizeBytes)
    return { ...done, ...payment, stage: 'final', placement: known.placement }
  }
  if (known.nodes.length === 0) {
    const { startSector: _, ...payment } = await paying
    await sendWhole(parts, { source, file, txSeq: payment.txSeq }, known.wholeUrls, progress, signal)
    return { ...done, ...payment, stage: 'final', placement: undefined }
  }
  const placement = await spreadKnown(parts, { source, file, known, paying }, options, progress)
  const { startSector: _, ...payment } = await paying
  const stage = placementStage(placement) === 'final' ? 'final' : 'accepted'
  return { ...done, ...payment, stage, placement }
}

async function spreadKnown(
  parts: PutParts,
  { source, file, known, paying }: { source: BlobSource; file: FileTree; known: KnownBlob; paying: Promise<Payment> },
  { until, onHandOff, redundancy = parts.redundancy, signal }: StoreOptions,
  progress: ProgressTracker,
): Promise<SignedPlacement> {
  const { sizeBytes } = file.shape
  const { nodes, placement: earlier } = known
  const chosen = redundancy === 'auto' ? defaultRedundancy(nodes.length) : redundancy
  const shape = earlier ? { dataRows: earlier.dataRows, parityRows: earlier.parityRows } : chosen
  const submission = paying.then(({ startSector }) => ({ startSegment: Math.floor(startSector / segmentSectors) }))
  submission.catch(() => undefined)
  let seen = 0
  const onProgress = (count: number, total: number): void => {
    const doneBytes = Math.floor((sizeBytes * count) / total)
    if (seen === 0) progress.enter('uploading', sizeBytes, 0)
    progress.add(doneBytes - seen)
    seen = doneBytes
    if (count === total) progress.enter('finalizing', 0)
  }
  return spreadFile(
    parts,
    { source, file, submission, redundancy: shape, nodes },
    {
      ...{ until, onHandOff, signal, earlier, onProgress },
      listNodes: () => askNodes(parts, parts.indexerUrl, signal),
      publish: (placement, holders) => publish(parts, placement, holders, signal),
    },
  )
}

/** The indexer must know it; of the holders those that answer: the others learn it from it. */
async function publish(
  parts: PutParts,
  placement: SignedPlacement,
  holders: readonly NodeRecord[],
  signal: AbortSignal | undefined,
): Promise<void> {
  await Promise.all([
    putOnIndexer(parts, placement, signal),
    ...holders.map(({ url }) => putPlacement(parts, url, placement, signal).catch(() => undefined)),
  ])
}

async function putOnIndexer(
  parts: PutParts,
  placement: SignedPlacement,
  signal: AbortSignal | undefined,
): Promise<void> {
  const endMs = parts.clock.monotonicMs() + parts.stallMs
  for (;;) {
    try {
      return await putPlacement(parts, parts.indexerUrl, placement, signal)
    } catch (fault) {
      if (fault instanceof HolderRefusedError || signal?.aborted || parts.clock.monotonicMs() > endMs) throw fault
    }
    await parts.clock.sleep(250, signal)
  }
}
