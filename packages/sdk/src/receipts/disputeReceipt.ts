/** Disputes an answer with its live provider, over HTTP. Spec: spec/dispute.md §9 */
import type { Hex } from '@weightless/codec'
import type { FetchOptions, FetchResponse } from '@weightless/env'
import type { Bundle } from '@weightless/receipt'
import { callGateway, GatewayRefusedError } from '../chat/callGateway.ts'
import type { ClientContext, ClientEnv } from '../clientContext.ts'
import type { FilesApi } from '../files/openFiles.ts'
import type { Dispute, DisputeProgress } from './playDispute.ts'
import type { ModelFile } from './requireWeights.ts'

type Patience = {
  /** The file of the adapter that the answer was given with; the weights are then the base model's. */
  adapter?: Uint8Array
  /** Silence after which an answer counts as withheld; 120 s by default. */
  answerMsMax?: number
  onProgress?: (progress: DisputeProgress) => void
  signal?: AbortSignal
}

export type DisputeOptions = Patience & {
  /** Where the provider itself is asked, as a stranger does; else its gateway passes the questions on. */
  providerUrl?: string
  /** Weights from elsewhere; they are hashed against the receipt's model root before use, unless they prove what they read. */
  loadWeights?: (modelRoot: Hex) => Promise<ModelFile | undefined>
}

/** @throws {ReceiptUndisputableError} @throws {GatewayRefusedError} for a key that the gateway does not know */
export async function disputeReceipt(
  context: ClientContext,
  files: FilesApi,
  bundle: Bundle,
  options: DisputeOptions = {},
): Promise<Dispute> {
  // Whoever only chats should not have to load the tensor engine.
  const { playDispute } = await import('./playDispute.ts')
  const { config, env } = context
  const { providerUrl, loadWeights: load, adapter, onProgress, signal } = options
  const { modelRoot } = bundle.receipt
  const settlement = config.contracts.receiptSettlement
  const post: Post = providerUrl ? atProvider(env, providerUrl) : (path, request) => callGateway(context, path, request)
  return playDispute(bundle, {
    send: await createSend(env, bundle, post, options),
    loadWeights: async () =>
      load ? load(modelRoot) : files.download(modelRoot, { isRaw: true, ...(signal && { signal }) }),
    // A receipt of another chain or contract may be true there; it is worth nothing here.
    expected: { chainId: BigInt(config.chain.chainId), ...(settlement && { settlement }) },
    ...(adapter && { adapter }),
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  })
}

/**
 * The same for who knows no network: bundle, provider and model are all there is.
 * @param weights - hashed against the receipt's model root before use
 * @throws {ReceiptUndisputableError}
 */
export async function disputeWithProvider(
  env: Pick<ClientEnv, 'network' | 'log' | 'clock'>,
  bundle: Bundle,
  providerUrl: string,
  weights: ModelFile,
  patience: Patience = {},
): Promise<Dispute> {
  const { playDispute } = await import('./playDispute.ts')
  const { adapter, onProgress, signal } = patience
  return playDispute(bundle, {
    send: await createSend(env, bundle, atProvider(env, providerUrl), patience),
    loadWeights: async () => weights,
    expected: {},
    ...(adapter && { adapter }),
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  })
}

/** After which a provider that has no place is asked again. */
const againMs = 1_000

type Post = (path: string, request: FetchOptions) => Promise<FetchResponse>

const atProvider =
  ({ network }: Pick<ClientEnv, 'network'>, url: string): Post =>
  (path, request) =>
    network.fetch(`${url.replace(/\/+$/, '')}${path}`, request)

/** Undefined for what the provider does not answer. One that has other disputes under way is asked again until the time is over. */
async function createSend(
  { log, clock }: Pick<ClientEnv, 'log' | 'clock'>,
  { receipt, settlement }: Bundle,
  post: Post,
  { answerMsMax = 120_000, signal }: Patience,
) {
  const [{ hashReceipt }, { disputeAnswerBytesMax, disputePath }] = await Promise.all([
    import('@weightless/receipt/receipt'),
    import('@weightless/compute/wire'),
  ])
  const path = disputePath(hashReceipt(receipt, settlement))
  async function ask(body: object, timeoutMs: number): Promise<{ status: number; text: string }> {
    const headers = { 'content-type': 'application/json' }
    try {
      const request = { method: 'POST', headers, body: JSON.stringify(body), timeoutMs }
      const response = await post(path, { ...request, ...(signal && { signal }) })
      return { status: response.status, text: await response.text(disputeAnswerBytesMax) }
    } catch (fault) {
      if (fault instanceof GatewayRefusedError && fault.status === 429) return { status: 429, text: '' }
      throw fault
    }
  }
  return async (body: object): Promise<unknown> => {
    const untilMs = clock.monotonicMs() + answerMsMax
    try {
      for (;;) {
        const leftMs = untilMs - clock.monotonicMs()
        const { status, text } = await ask(body, Math.max(1, leftMs))
        if (status === 200) return JSON.parse(text)
        if (status !== 429 || leftMs <= againMs) return undefined
        await clock.sleep(againMs, signal)
      }
    } catch (fault) {
      signal?.throwIfAborted()
      if (fault instanceof GatewayRefusedError && (fault.status === 401 || fault.status === 403)) throw fault
      log.debug('question not answered', { reason: fault instanceof Error ? fault.message : String(fault) })
      return undefined
    }
  }
}
