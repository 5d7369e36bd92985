/** Disputes an answer with its live provider: executes it again, asks for the first number that differs, judges that number. Spec: spec/dispute.md §9 */
import { bytesToHex, type Hex, hexToBytes, WeightlessError } from '@weightless/codec'
import type { SignedRoot } from '@weightless/compute/wire'
import type { Accusation, Finding, JobCommitment } from '@weightless/dispute'
import type { Bundle, ChatOpening } from '@weightless/receipt'
import { callGateway, GatewayRefusedError } from '../chat/callGateway.ts'
import type { ClientContext } from '../client.ts'
import type { FilesApi } from '../files/openFiles.ts'

export type DisputeOptions = {
  /** Where the provider itself is asked, as a stranger does; else its gateway passes the questions on. */
  providerUrl?: string
  /** Weights from elsewhere; they are hashed against the receipt's model root before use. */
  loadWeights?: (modelRoot: Hex) => Promise<Uint8Array | undefined>
  /** Silence after which an answer counts as withheld; 120 s by default. */
  answerMsMax?: number
  signal?: AbortSignal
}

/** `questions`: how many were asked. */
export type Dispute = { questions: number } & (
  | { outcome: 'agreed' }
  /** The provider did not answer, or not with what hashes to its commitments. Not guilt. */
  | { outcome: 'withheld'; asked: string }
  /** It differs where no single number shows it. */
  | { outcome: 'unshown'; reason: string }
  /** `root` is the provider's signed word for the working, where the accusation is about one. */
  | {
      outcome: 'guilty'
      finding: Extract<Finding, { guilty: true }>
      accusation: Accusation
      root: SignedRoot | undefined
    }
)

/** @throws {ReceiptUndisputableError} @throws {GatewayRefusedError} for a key that the gateway does not know */
export async function disputeReceipt(
  context: ClientContext,
  files: FilesApi,
  bundle: Bundle,
  options: DisputeOptions = {},
): Promise<Dispute> {
  const [{ accuse, executeJob, judge, planStep }, { askDefender }, { bytesSource, loadModel }] = await Promise.all([
    import('@weightless/dispute'),
    import('@weightless/compute/wire'),
    import('@weightless/tensor'),
  ])
  const chat = await requireDisputable(context, bundle)
  const weights = await loadWeights(files, chat.receipt.modelRoot, options)
  const model = await loadModel(weights)
  const { job, tokens } = commitmentOf(chat, model)
  const pace = options.signal ? { signal: options.signal } : {}
  const own = await executeJob(model, job, tokens, bytesSource(weights), pace)
  const asking = askDefender(chat, 0, await createAsk(context, chat, options))
  const accused = await accuse(job, own, asking.defender)
  const questions = asking.asked()
  if (accused.found === 'nothing') return { outcome: 'agreed', questions }
  if (accused.found === 'silence') return { outcome: 'withheld', asked: accused.asked, questions }
  if (accused.found === 'unshown') return { outcome: 'unshown', reason: accused.reason, questions }
  const { accusation, workingRoot } = accused
  const working = 'working' in accusation ? accusation.working : undefined
  const plan = working && planStep(job, working.operator, working.step.position, working.step.token)
  const file = plan ? await own.file(plan) : () => new Uint8Array()
  const finding = judge(job, accusation, { file, workingRoot })
  if (!finding.guilty) return { outcome: 'unshown', reason: finding.reason, questions }
  return { outcome: 'guilty', finding, accusation, root: asking.signed(), questions }
}

type Model = Awaited<ReturnType<typeof import('@weightless/tensor').loadModel>>

/** Whether signature, opening and kind are such that a working exists. */
async function requireDisputable({ config }: ClientContext, bundle: Bundle): Promise<Bundle<ChatOpening>> {
  const { checkBundle } = await import('@weightless/receipt/checkBundle')
  const settlement = config.contracts.receiptSettlement
  const wrong = await checkBundle(bundle, {
    chainId: BigInt(config.chain.chainId),
    ...(settlement && { settlement }),
  })
  if (wrong) throw new ReceiptUndisputableError({ reason: wrong.detail })
  const { isChatBundle } = await import('@weightless/receipt/bundle')
  if (!isChatBundle(bundle)) throw new ReceiptUndisputableError({ reason: 'The receipt is about bytes, not a run.' })
  const { shape, outputTokens } = bundle.opening
  if (shape) throw new ReceiptUndisputableError({ reason: 'The request changes logits or asks for several answers.' })
  if (outputTokens.length === 0) throw new ReceiptUndisputableError({ reason: 'The answer has no token.' })
  return bundle
}

async function loadWeights(files: FilesApi, modelRoot: Hex, { loadWeights: load, signal }: DisputeOptions) {
  const { fileRoot } = await import('@weightless/crypto')
  const weights = await (load?.(modelRoot) ?? files.download(modelRoot, { isRaw: true, ...(signal && { signal }) }))
  if (!weights) throw new ReceiptUndisputableError({ reason: `Nobody here has the weights ${modelRoot}.` })
  if (bytesToHex(fileRoot(weights)) !== modelRoot) {
    throw new ReceiptUndisputableError({ reason: `These are not the weights ${modelRoot}.` })
  }
  return weights
}

function commitmentOf({ receipt, opening }: Bundle<ChatOpening>, model: Model) {
  if (model.programId !== receipt.programId) {
    throw new ReceiptUndisputableError({ reason: 'The receipt names another program than this model has.' })
  }
  const prompt = model.promptTokens(opening.messages)
  if (BigInt(prompt.length) !== receipt.promptTokens) {
    throw new ReceiptUndisputableError({
      reason: `The prompt has ${prompt.length} tokens; the receipt is wrong itself.`,
    })
  }
  const tokens = [...prompt, ...opening.outputTokens.slice(0, -1)]
  const { temperature, topP } = opening.sampler
  const job: JobCommitment = {
    graph: model.parts.graph,
    traceRoot: hexToBytes(receipt.traceRoot),
    steps: tokens.length,
    promptTokens: prompt.length,
    sampler: { temperature, topP, seed32: hexToBytes(receipt.seed) },
  }
  return { job, tokens }
}

/** Undefined for what the provider does not answer. */
async function createAsk(
  context: ClientContext,
  { receipt, settlement }: Bundle,
  { providerUrl, answerMsMax = 120_000, signal }: DisputeOptions,
) {
  const [{ hashReceipt }, { disputeAnswerBytesMax }] = await Promise.all([
    import('@weightless/receipt/receipt'),
    import('@weightless/compute/wire'),
  ])
  const path = `/v1/receipts/${hashReceipt(receipt, settlement)}/dispute`
  return async (body: object): Promise<unknown> => {
    const request = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      timeoutMs: answerMsMax,
      ...(signal && { signal }),
    }
    try {
      const response = providerUrl
        ? await context.env.network.fetch(`${providerUrl.replace(/\/+$/, '')}${path}`, request)
        : await callGateway(context, path, request)
      const text = await response.text(disputeAnswerBytesMax)
      return response.status === 200 ? JSON.parse(text) : undefined
    } catch (fault) {
      signal?.throwIfAborted()
      if (fault instanceof GatewayRefusedError && (fault.status === 401 || fault.status === 403)) throw fault
      context.env.log.debug('question not answered', { reason: fault instanceof Error ? fault.message : String(fault) })
      return undefined
    }
  }
}

export class ReceiptUndisputableError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('sdk/receipt-undisputable', 'No dispute can be had over this receipt.', facts)
  }
}
