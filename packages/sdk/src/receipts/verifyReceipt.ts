/** Checks a bundle with weights from the storage network: by default every segment is proven on its way in. */
import type { Hex } from '@weightless/codec'
import type { Bundle, Verification, VerifyProgress } from '@weightless/receipt'
import type { ClientContext } from '../client.ts'
import type { FilesApi } from '../files/openFiles.ts'

export type VerifyOptions = {
  /** Weights from elsewhere, a cache for instance; they are hashed against the receipt's model root before use. */
  loadWeights?: (modelRoot: Hex) => Promise<Uint8Array | undefined>
  onProgress?: (progress: VerifyProgress) => void
  /** While the weights come from the storage network. */
  onModelProgress?: (progress: { doneBytes: number; totalBytes: number }) => void
  signal?: AbortSignal
}

export async function verifyReceipt(
  { config }: ClientContext,
  files: FilesApi,
  bundle: Bundle,
  { loadWeights, onProgress, onModelProgress, signal }: VerifyOptions,
): Promise<Verification> {
  const fromStorage = (root: Hex) =>
    files.download(root, { ...(onModelProgress && { onProgress: onModelProgress }), ...(signal && { signal }) })
  const settlement = config.contracts.receiptSettlement
  // The verifier brings the whole tensor engine; who only chats should not have to load it.
  const { verifyBundle } = await import('@weightless/receipt/verifyBundle')
  return verifyBundle(bundle, {
    loadWeights: loadWeights ?? fromStorage,
    // A receipt of another chain or contract may be true there; it is worth nothing here.
    expected: { chainId: BigInt(config.chain.chainId), ...(settlement && { settlement }) },
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  })
}
