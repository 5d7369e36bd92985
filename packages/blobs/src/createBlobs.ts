/** Files by their root: what applications and services use of the storage network, in Node and in browsers alike. */
import { type Hex, WeightlessError } from '@weightless/codec'
import { fileShape } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import type { Ledger } from '@weightless/ledger'
import { type BlobSource, toBlobSource } from './blobSource.ts'
import { findStorageNodes } from './findNodes.ts'
import { type OpenedBlob, openBlob } from './openBlob.ts'
import { type Quote, quoteBlob } from './payForBlob.ts'
import { type PutBlob, putBlob, readFlowAddress } from './putBlob.ts'
import { type BlobProgress, trackProgress } from './trackProgress.ts'

export type BlobsOptions = {
  indexerUrl: string
  env: Pick<Env, 'network' | 'clock'>
  /** Needed to pay; reading works without. */
  ledger?: Ledger
  /** Default: the one that the storage nodes follow. */
  flowAddress?: Hex
  /** Longest silence of one request; default 30,000. */
  timeoutMs?: number
  /** Longest time without any progress; default 60,000. */
  stallMs?: number
}

export type TransferOptions = { onProgress?: (progress: BlobProgress) => void; signal?: AbortSignal }

/** `tags` go into the submission; content is then stored under a submission with these tags, even if it is there already. */
export type PutOptions = TransferOptions & { tags?: Hex }

export type Blobs = {
  /**
   * Stores bytes durably. Putting the same content again sends no transaction and no bytes that are there already.
   * @throws {FileSizeInvalidError} {BlobUnpaidError} {BlobStalledError} {SegmentRefusedError} {NodeRefusedError}
   *   {StorageUnavailableError} {NetworkError}, and the ledger's
   */
  put(content: Uint8Array | BlobSource, options?: PutOptions): Promise<PutBlob>
  /** All bytes of a file, every segment proved. @throws {BlobMissingError} {BlobUnreadableError} {BlobTooLargeError} */
  get(root: Hex, options?: TransferOptions & { bytesMax?: number }): Promise<Uint8Array>
  /** For ranges and streams. @throws {BlobMissingError} */
  openBlob(root: Hex, options?: { signal?: AbortSignal }): Promise<OpenedBlob>
  /** What `put` would cost; nothing is sent. */
  quote(sizeBytes: number): Promise<Quote>
}

const getBytesMax = 2 ** 31

export function createBlobs({
  indexerUrl,
  env,
  ledger,
  flowAddress,
  timeoutMs = 30_000,
  stallMs = 60_000,
}: BlobsOptions): Blobs {
  const { network, clock } = env
  const openParts = { network, indexerUrl, timeoutMs }
  let lastPut: Promise<unknown> = Promise.resolve()

  /** Puts run one after another, so that two puts of one content cannot both find it unpaid. */
  function inTurn<Value>(run: () => Promise<Value>): Promise<Value> {
    const turn = lastPut.then(run, run)
    lastPut = turn.catch(() => undefined)
    return turn
  }

  return {
    async put(content, { onProgress, signal, tags } = {}) {
      const source = toBlobSource(content)
      fileShape(source.sizeBytes)
      const parts = { network, clock, indexerUrl, ledger, flowAddress, timeoutMs, stallMs, ...(tags && { tags }) }
      return inTurn(() => putBlob(parts, source, trackProgress(clock, onProgress), signal))
    },
    async get(root, { onProgress, signal, bytesMax = getBytesMax } = {}) {
      const blob = await openBlob(openParts, root, signal)
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
    openBlob: (root, { signal } = {}) => openBlob(openParts, root, signal),
    async quote(sizeBytes) {
      fileShape(sizeBytes)
      if (!ledger) throw new QuoteUnavailableError()
      const address = flowAddress ?? (await flowOf())
      return quoteBlob(ledger, address, sizeBytes)
    },
  }

  async function flowOf(): Promise<Hex> {
    const [nodeUrl] = await findStorageNodes(network, indexerUrl, { timeoutMs })
    return readFlowAddress(network, nodeUrl!)
  }
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
    super('blobs/quote-unavailable', 'Prices are read from the chain.', {}, { hint: 'Give createBlobs a ledger.' })
  }
}
