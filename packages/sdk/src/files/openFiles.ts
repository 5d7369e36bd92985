/** Files by their root: told what they cost, stored with a transaction, fetched with every segment proven. */
import {
  type BlobSource,
  type Blobs,
  createBlobs,
  type OpenedBlob,
  type PutBlob,
  type Quote,
  type TransferOptions,
} from '@weightless/blobs'
import { type Hex, WeightlessError } from '@weightless/codec'
import type { ClientContext } from '../client.ts'
import { type FileRecord, listSubmissions } from './listSubmissions.ts'

export type FilesApi = {
  /** What storing so many bytes costs now, before anything is sent; the transaction's gas comes on top. */
  quote(sizeBytes: number): Promise<Quote>
  /**
   * Stores bytes for good; anyone who knows the root can read them. The same bytes again cost nothing, and an upload
   * that failed goes on where it stopped. Errors: those of `Blobs.put` in `@weightless/blobs`.
   */
  upload(source: Uint8Array | BlobSource, options?: TransferOptions): Promise<PutBlob>
  /** All bytes of a file, each segment checked against the root before it counts. */
  download(root: Hex, options?: TransferOptions & { bytesMax?: number }): Promise<Uint8Array>
  /** For ranges and streams of large files, with the same checks. */
  open(root: Hex, options?: { signal?: AbortSignal }): Promise<OpenedBlob>
  /** What an address (the client's own without one) has submitted, newest first, read from the chain's events. */
  list(sender?: Hex): Promise<FileRecord[]>
}

export function openFiles(context: ClientContext): FilesApi {
  const { config, env, ledger } = context
  const flowAddress = config.contracts.flow
  const blobs: Blobs = createBlobs({
    indexerUrl: config.storage.indexerUrl,
    env,
    // A client that only reads still needs the chain for quotes.
    ledger,
    ...(flowAddress && { flowAddress }),
  })
  return {
    quote: (sizeBytes) => blobs.quote(sizeBytes),
    upload: (source, options) => blobs.put(source, options),
    download: (root, options) => blobs.get(root, options),
    open: (root, options) => blobs.openBlob(root, options),
    list: async (sender = ledger.address) => {
      if (!sender) throw new SenderMissingError()
      return listSubmissions(context, sender)
    },
  }
}

export class SenderMissingError extends WeightlessError {
  constructor() {
    super(
      'sdk/sender-missing',
      'There is no account whose files could be listed.',
      {},
      {
        hint: 'Give createClient an account, or name an address.',
      },
    )
  }
}
