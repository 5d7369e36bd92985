/** Files by their root: what applications and services use of the storage network, in Node and in browsers alike. */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import { fileShape } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import type { Redundancy } from '@weightless/storage/wire'
import { type BlobSource, toBlobSource } from './blobSource.ts'
import { findFileInfo, findFlow } from './findFlow.ts'
import { createHolderHealth } from './gather/holderHealth.ts'
import { hashSource } from './hashSource.ts'
import type { HolderReport } from './network/transferParts.ts'
import { type OpenedBlob, openBlob } from './openBlob.ts'
import { type Quote, quoteBlob } from './payForBlob.ts'
import { findKnown, type PutBlob, type PutParts, payFor, type StoreOptions, storeFile } from './putBlob.ts'
import { needsPayment, putMany } from './putMany.ts'
import { type BlobLifetime, readLifetime, renewBlob } from './renewBlob.ts'
import { createRootLocks, type RootLocks } from './rootLocks.ts'
import { type BlobProgress, trackProgress } from './trackProgress.ts'

export type BlobsOptions = {
  indexerUrl: string
  /** With `tasks`, large files are hashed, coded and checked in its workers. */
  env: Pick<Env, 'network' | 'clock'> & Partial<Pick<Env, 'tasks'>>
  /** Needed to pay; reading works without. */
  ledger?: Ledger
  /** Default: the one that the storage nodes follow. */
  flowAddress?: Hex
  /** Default `auto`: what suits the number of nodes that are there, so that any third of a file's nodes may vanish. */
  redundancy?: Redundancy | 'auto'
  /** Longest silence of one request; default 30,000. */
  timeoutMs?: number
  /** Longest time without any progress; default 60,000. */
  stallMs?: number
  /** Told of holders that are slow, gone or lie. */
  onBadHolder?: (report: HolderReport) => void
}

export type TransferOptions = { onProgress?: (progress: BlobProgress) => void; signal?: AbortSignal }

export type PutOptions = TransferOptions &
  Omit<StoreOptions, 'signal'> & {
    /** Opaque bytes of the submission. Only a submission of this account under the same tags counts as paid. */
    tags?: Hex
    /** Submits even though this very submission is on chain already; what is paid for costs nothing again. */
    isAnew?: boolean
  }

export type Blobs = {
  /**
   * Stores bytes durably. Putting the same content again sends no transaction and no bytes that are there already.
   * Different content goes side by side; the same content waits for itself.
   * @throws {FileSizeInvalidError} {BlobUnpaidError} {BlobStalledError} {SpreadStalledError} {NodesTooFewError}
   *   {NodeRefusedError} {HolderRefusedError} {StorageUnavailableError} {NetworkError}, and the ledger's
   */
  put(content: Uint8Array | BlobSource, options?: PutOptions): Promise<PutBlob>
  /** The same for many files, paid in one transaction (32 a transaction); results in their order. */
  putMany(
    contents: readonly (Uint8Array | BlobSource | { content: Uint8Array | BlobSource; tags?: Hex; isAnew?: boolean })[],
    options?: Omit<PutOptions, 'tags' | 'isAnew'>,
  ): Promise<PutBlob[]>
  /** All bytes of a file, every segment proved. @throws {BlobMissingError} {BlobUnreadableError} {BlobTooLargeError} */
  get(root: Hex, options?: TransferOptions & { bytesMax?: number }): Promise<Uint8Array>
  /** For ranges and streams. @throws {BlobMissingError} */
  openBlob(root: Hex, options?: { signal?: AbortSignal }): Promise<OpenedBlob>
  /** @throws {FileSizeInvalidError} {QuoteUnavailableError} */
  quote(sizeBytes: number): Promise<Quote>
  /** Until when a root is paid for. @throws {BlobMissingError} {QuoteUnavailableError} */
  lifetime(root: Hex): Promise<BlobLifetime>
  /**
   * Pays for more time; `submitter` (default: this account) is who paid first.
   * @throws {BlobMissingError} {QuoteUnavailableError} {NotRenewableError}, and the ledger's
   */
  renew(root: Hex, options?: { lifetimes?: number; submitter?: Hex }): Promise<{ txHash: Hex; feeWei: bigint }>
}

const getBytesMax = 2 ** 31
/** Below it, starting a worker takes longer than the work. */
const taskBytesMin = 4 * 1024 * 1024

export function createBlobs(options: BlobsOptions): Blobs {
  const { indexerUrl, env, ledger, flowAddress, redundancy = 'auto', timeoutMs = 30_000, stallMs = 60_000 } = options
  const { network, clock, tasks } = env
  const { onBadHolder } = options
  const transfer = { network, clock, timeoutMs, stallMs, onBadHolder }
  const opening = { ...transfer, indexerUrl, tasks, health: createHolderHealth(clock) }
  const asking = { ...transfer, indexerUrl, flowAddress }
  const locks = createRootLocks()
  const partsFor = (sizeBytes: number): PutParts => {
    const workers = sizeBytes >= taskBytesMin ? tasks : undefined
    return { ...transfer, indexerUrl, ledger, flowAddress, redundancy, tasks: workers }
  }

  return {
    put: (content, putting = {}) => putOne(partsFor, locks, toBlobSource(content), putting),
    putMany(contents, { onProgress, ...storing } = {}) {
      const items = contents.map((entry) => {
        const { content, tags = '0x', isAnew = false } = 'content' in entry ? entry : { content: entry }
        return { source: toBlobSource(content), tags: tags as Hex, isAnew }
      })
      for (const { source } of items) fileShape(source.sizeBytes)
      const largest = Math.max(0, ...items.map(({ source }) => source.sizeBytes))
      return putMany(partsFor(largest), locks, items, storing, trackProgress(clock, onProgress))
    },
    async get(root, { onProgress, signal, bytesMax = getBytesMax } = {}) {
      const blob = await openBlob(opening, root, signal)
      if (blob.sizeBytes > bytesMax) throw new BlobTooLargeError({ root, sizeBytes: blob.sizeBytes, bytesMax })
      const progress = trackProgress(clock, onProgress)
      progress.enter('downloading', blob.sizeBytes)
      const bytes = new Uint8Array(blob.sizeBytes)
      let at = 0
      for await (const piece of blob.stream(signal ? { signal } : {})) {
        bytes.set(piece, at)
        at += piece.length
        progress.add(piece.length)
      }
      return bytes
    },
    openBlob: (root, { signal } = {}) => openBlob(opening, root, signal),
    async quote(sizeBytes) {
      fileShape(sizeBytes)
      return quoteBlob(payer(), await findFlow(asking), sizeBytes)
    },
    async lifetime(root) {
      return readLifetime(payer(), await findFlow(asking), (await findFileInfo(asking, root)).tx)
    },
    async renew(root, { lifetimes = 1, submitter = payer().address } = {}) {
      if (!submitter) throw new QuoteUnavailableError()
      return renewBlob(payer(), await findFlow(asking), (await findFileInfo(asking, root)).tx, { lifetimes, submitter })
    },
  }

  function payer(): Ledger {
    if (!ledger) throw new QuoteUnavailableError()
    return ledger
  }
}

async function putOne(
  partsFor: (sizeBytes: number) => PutParts,
  locks: RootLocks,
  source: BlobSource,
  { onProgress, tags = '0x', isAnew = false, ...storing }: PutOptions,
): Promise<PutBlob> {
  fileShape(source.sizeBytes)
  const parts = partsFor(source.sizeBytes)
  const progress = trackProgress(parts.clock, onProgress)
  progress.enter('hashing', source.sizeBytes)
  const file = await hashSource(source, (bytes) => progress.add(bytes), {
    signal: storing.signal,
    tasks: parts.tasks,
  })
  return locks.hold([bytesToHex(file.root)], async () => {
    const known = await findKnown(parts, file, storing.signal)
    const isOpen = needsPayment({ tags, isAnew }, known)
    if (isOpen) progress.enter('paying', 0)
    const paying = isOpen
      ? payFor(parts, known, [{ file, tags, isAnew }]).then(([payment]) => payment!)
      : Promise.resolve(known.payment!)
    // Coding goes on beside it; whoever needs the payment gets its fault.
    paying.catch(() => undefined)
    return storeFile(parts, { source, file, known, paying }, storing, progress)
  })
}

export class BlobTooLargeError extends WeightlessError {
  constructor(facts: { root: Hex; sizeBytes: number; bytesMax: number }) {
    super('blobs/blob-too-large', 'The file does not fit into memory in one piece.', facts, {
      hint: 'Use openBlob and read or stream it.',
    })
  }
}

export class QuoteUnavailableError extends WeightlessError {
  constructor() {
    super(
      'blobs/quote-unavailable',
      'Prices and payments are a matter of the chain.',
      {},
      { hint: 'Give createBlobs a ledger.' },
    )
  }
}
