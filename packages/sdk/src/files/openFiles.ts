/** Files by their root: told what they cost, encrypted unless public, stored with a transaction, fetched with every segment proven. */
import {
  type BlobLifetime,
  type BlobSource,
  type Blobs,
  createBlobs,
  decryptBlob,
  type OpenedBlob,
  type PutBlob,
  type TransferOptions,
  toBlobSource,
  trackProgress,
} from '@weightless/blobs'
import { type Hex, WeightlessError } from '@weightless/codec'
import type { ClientContext } from '../clientContext.ts'
import type { ReadOptions, UploadOptions } from './fileOptions.ts'
import { type FileRecord, listSubmissions } from './listSubmissions.ts'
import { type FoldersApi, openFolders } from './openFolders.ts'
import { createFileKeys, isKeyOf, isPrivateTag, privateExtraBytes, sealFile } from './privateFiles.ts'
import { type FileQuote, quoteFiles, readPaidUntilMs } from './quoteFiles.ts'

export type FilesApi = FoldersApi & {
  /**
   * What storing so many bytes costs now, before anything is sent; the transaction's gas comes on top. Several sizes are
   * summed up. A private file has `privateExtraBytes` more.
   */
  quote(sizeBytes: number | readonly number[]): Promise<FileQuote>
  /**
   * Stores bytes for good, encrypted for this account alone unless `isPublic`. The same bytes again cost nothing, and an
   * upload that failed goes on where it stopped. Errors: those of `Blobs.put` in `@weightless/blobs`, and of `privateFiles.ts`.
   */
  upload(source: Uint8Array | BlobSource, options?: UploadOptions): Promise<PutBlob>
  /**
   * All bytes of a file, each segment checked against the root before it counts; this account's private files come
   * decrypted. @throws {PrivateFileLockedError}
   */
  download(root: Hex, options?: TransferOptions & ReadOptions & { bytesMax?: number }): Promise<Uint8Array>
  /** For ranges and streams of large files, with the same checks. */
  open(root: Hex, options?: ReadOptions): Promise<OpenedBlob>
  /** What an address (the client's own without one) has submitted, newest first, read from the chain's events. */
  list(sender?: Hex): Promise<FileRecord[]>
  /** Until when a file is paid for. */
  lifetime(root: Hex): Promise<BlobLifetime>
  /** The same for a submission that is known already, in one question to the chain; undefined where it never ends. */
  paidUntilMs(txSeq: number): Promise<number | undefined>
  /** Pays for more time. */
  renew(root: Hex, options?: { lifetimes?: number; submitter?: Hex }): Promise<{ txHash: Hex; feeWei: bigint }>
}

const encryptedFirstByte = 1

export function openFiles(context: ClientContext): FilesApi {
  const { config, env, ledger, account } = context
  const flowAddress = config.contracts.flow
  const blobs: Blobs = createBlobs({
    indexerUrl: config.storage.indexerUrl,
    env,
    // A client that only reads still needs the chain for quotes.
    ledger,
    ...(flowAddress && { flowAddress }),
  })
  const keys = createFileKeys(account)
  const tagsOf = rememberTags(context)

  async function open(root: Hex, { signal, isRaw = false }: ReadOptions = {}): Promise<OpenedBlob> {
    const blob = await blobs.openBlob(root, signal ? { signal } : {})
    if (isRaw || !ledger.address) return blob
    const head = await blob.read(0, privateExtraBytes, signal)
    // Most files are told apart by their first byte; only for the others is the chain asked.
    if (head[0] !== encryptedFirstByte || head.length < privateExtraBytes) return blob
    const tags = await tagsOf(root, ledger.address)
    if (!tags) return blob
    const key = await keys.key()
    if (!isKeyOf(tags, key, head.subarray(1))) throw new PrivateFileLockedError({ root })
    const plain = await decryptBlob(blob, { key }, signal)
    if (!plain.ok) throw new PrivateFileLockedError({ root })
    return plain.value
  }

  async function upload(content: Uint8Array | BlobSource, options: UploadOptions = {}): Promise<PutBlob> {
    const { isPublic = false, ...putting } = options
    if (isPublic) return blobs.put(content, putting)
    const sealed = await sealFile(toBlobSource(content), await keys.key(), options.signal)
    return blobs.put(sealed.source, { ...putting, tags: sealed.tags })
  }

  const quote: FilesApi['quote'] = (sizes) => quoteFiles(context, blobs, typeof sizes === 'number' ? [sizes] : sizes)

  return {
    quote,
    upload,
    ...openFolders({ blobs, quote, upload, open, keys }),
    async download(root, { onProgress, bytesMax = downloadBytesMax, ...options } = {}) {
      const blob = await open(root, options)
      if (blob.sizeBytes > bytesMax) throw new FileTooLargeError({ root, sizeBytes: blob.sizeBytes, bytesMax })
      const progress = trackProgress(env.clock, onProgress)
      progress.enter('downloading', blob.sizeBytes)
      return readWhole(blob, (bytes) => progress.add(bytes), options.signal)
    },
    open,
    list: async (sender = ledger.address) => {
      if (!sender) throw new SenderMissingError()
      return listSubmissions(context, sender)
    },
    lifetime: (root) => blobs.lifetime(root),
    paidUntilMs: (txSeq) => readPaidUntilMs(context, txSeq),
    renew: (root, options) => blobs.renew(root, options),
  }
}

const downloadBytesMax = 2 ** 31

/** Tags of this account's private files; the chain is asked again only for a root that was not there the last time. */
function rememberTags(context: ClientContext): (root: Hex, owner: Hex) => Promise<Hex | undefined> {
  let known = new Map<Hex, Hex>()
  return async (root, owner) => {
    if (!known.has(root)) known = new Map((await listSubmissions(context, owner)).map((each) => [each.root, each.tags]))
    const tags = known.get(root)
    return tags !== undefined && isPrivateTag(tags) ? tags : undefined
  }
}

async function readWhole(
  blob: OpenedBlob,
  onRead: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(blob.sizeBytes)
  let at = 0
  for await (const piece of blob.stream(signal ? { signal } : {})) {
    bytes.set(piece, at)
    at += piece.length
    onRead(piece.length)
  }
  return bytes
}

export class FileTooLargeError extends WeightlessError {
  constructor(facts: { root: Hex; sizeBytes: number; bytesMax: number }) {
    super('sdk/file-too-large', 'The file does not fit into memory in one piece.', facts, {
      hint: 'Use open, and read or stream it.',
    })
  }
}

export class PrivateFileLockedError extends WeightlessError {
  constructor(facts: { root: Hex }) {
    super(
      'sdk/private-file-locked',
      'This private file was stored under another key than this account makes now.',
      facts,
      {
        hint: 'Use the account, and the wallet, that stored it.',
      },
    )
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
