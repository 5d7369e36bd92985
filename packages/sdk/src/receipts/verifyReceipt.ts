/** Checks a bundle with weights from the storage network: by default every segment is proven on its way in. */
import type { Hex } from '@weightless/codec'
import type { ProvenSource } from '@weightless/crypto'
import type { Bundle, Verification, VerifyProgress } from '@weightless/receipt'
import { callGateway } from '../chat/callGateway.ts'
import type { Exchange } from '../chat/readChatAnswer.ts'
import type { ClientContext } from '../clientContext.ts'
import type { FilesApi } from '../files/openFiles.ts'

export type VerifyOptions = {
  /** Weights from elsewhere, a cache for instance; bytes are hashed against the receipt's model root before use. */
  loadWeights?: (modelRoot: Hex) => Promise<Uint8Array | ProvenSource | undefined>
  onProgress?: (progress: VerifyProgress) => void
  /** While the weights come from the storage network. */
  onModelProgress?: (progress: { doneBytes: number; totalBytes: number }) => void
  /** Of an answer with a fingerprint: its bytes, as `chat.complete({ fingerprint: true })` keeps them. */
  exchange?: Exchange
  signal?: AbortSignal
}

export async function verifyReceipt(
  context: ClientContext,
  files: FilesApi,
  bundle: Bundle,
  { loadWeights, onProgress, onModelProgress, exchange, signal }: VerifyOptions,
): Promise<Verification> {
  const fromStorage = (root: Hex) =>
    files.download(root, {
      isRaw: true,
      ...(onModelProgress && { onProgress: onModelProgress }),
      ...(signal && { signal }),
    })
  const { config } = context
  const settlement = config.contracts.receiptSettlement
  // A receipt of another chain or contract may be true there; it is worth nothing here.
  const expected = { chainId: BigInt(config.chain.chainId), ...(settlement && { settlement }) }
  if (exchange) {
    const { verifyPrint } = await import('@weightless/receipt/fingerprint/verifyPrint')
    const weights = loadWeights ?? fromStorage
    return verifyPrint(bundle, { ...exchange, loadWeights: weights, expected, ...(signal && { signal }) })
  }
  // The verifier brings the whole tensor engine; who only chats should not have to load it.
  const { verifyBundle } = await import('@weightless/receipt/verifyBundle')
  return verifyBundle(bundle, {
    loadWeights: loadWeights ?? fromStorage,
    loadOperators: (choice) => fetchOperators(context, bundle, choice),
    expected,
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  })
}

const operatorsBytesMax = 64 * 1024 * 1024

/** They only help to name what differs, and they are checked against the receipt; without them the verdict is the same. */
async function fetchOperators(
  context: ClientContext,
  { receipt, settlement }: Bundle,
  choice: number,
): Promise<Uint8Array | undefined> {
  const { hashReceipt } = await import('@weightless/receipt/receipt')
  try {
    const response = await callGateway(
      context,
      `/v1/receipts/${hashReceipt(receipt, settlement)}/operators?choice=${choice}`,
    )
    return await response.bytes(operatorsBytesMax)
  } catch (fault) {
    context.env.log.debug('operators not had', { reason: fault instanceof Error ? fault.message : String(fault) })
    return undefined
  }
}
