/** A dispute with whoever answers the questions: executes the answer again, asks for the first number that differs, judges it. Spec: spec/dispute.md §8, §9 */
import { askDefender, type OpenedRequest, type VerdictFile } from '@weightless/compute/wire'
import { accuse, commitJob, executeJob, type Finding, judge, planStep, tokenOf } from '@weightless/dispute'
import { type Bundle, type ChatOpening, type Expectations, isChatBundle, samplerHash } from '@weightless/receipt'
import { checkBundle } from '@weightless/receipt/checkBundle'
import { requestHash } from '@weightless/receipt/commitments'
import { loadModel, type Model, SchemaUnsupportedError } from '@weightless/tensor'
import { type AdapterPlaces, locateAdapter } from '@weightless/tensor/adapter/locateAdapter'
import { requireModel, showAdapter } from './adaptedModel.ts'
import { ReceiptUndisputableError } from './receiptUndisputable.ts'
import type { ModelFile } from './requireWeights.ts'

/** `questions`: how many were asked. */
export type Dispute = { questions: number } & (
  | { outcome: 'agreed' }
  /** The provider did not answer, or not with what hashes to its commitments. Not guilt. */
  | { outcome: 'withheld'; asked: string }
  /** It differs where no single number shows it. */
  | { outcome: 'unshown'; reason: string }
  /** `verdict` shows it to anybody who has the model. */
  | { outcome: 'guilty'; finding: Extract<Finding, { guilty: true }>; verdict: VerdictFile }
)

/** `executing` counts steps, `asking` questions, whose number is not known before. */
export type DisputeProgress = { stage: 'loading' | 'executing' | 'asking'; done: number; total: number }

export type DisputeMeans = {
  /** A question to the provider; undefined for what it does not answer. */
  send(body: object): Promise<unknown>
  loadWeights(): Promise<ModelFile | undefined>
  /** The file of the adapter that the answer was given with. */
  adapter?: Uint8Array
  expected: Expectations
  onProgress?(progress: DisputeProgress): void
  signal?: AbortSignal
}

/** @throws {ReceiptUndisputableError} */
export async function playDispute(bundle: Bundle, means: DisputeMeans): Promise<Dispute> {
  const chat = await requireDisputable(bundle, means.expected)
  const { modelRoot } = chat.receipt
  const weights = await means.loadWeights()
  if (!weights) throw new ReceiptUndisputableError({ reason: `Nobody here has the weights ${modelRoot}.` })
  const adapted = await requireModel(weights, means.adapter, modelRoot, means.signal)
  if (!adapted) throw new ReceiptUndisputableError({ reason: `These are not the weights ${modelRoot}.` })
  const { base, adapter, source } = adapted
  const tell = (stage: DisputeProgress['stage'], done: number, total: number) =>
    means.onProgress?.({ stage, done, total })
  const model = await loadModel(base, {
    ...(adapter && { adapter }),
    onProgress: ({ doneBytes, totalBytes }) => tell('loading', doneBytes, totalBytes),
  })
  const places = adapter && locateAdapter(adapter, model.parts.graph, base.sizeBytes)
  const { job, tokens } = commitmentOf(chat, model, places)
  const own = await executeJob(model, job, tokens, source, {
    onProgress: (done, total) => tell('executing', done, total),
    ...(means.signal && { signal: means.signal }),
  })
  const asking = askDefender(chat, 0, (body) => {
    tell('asking', asking.asked(), 0)
    return means.send(body)
  })
  const accused = await accuse(job, own, asking.defender)
  const questions = asking.asked()
  if (accused.found === 'nothing') {
    const last = own.record(job.steps - 1)
    const isChosen = last !== undefined && tokenOf(last) === chat.opening.outputTokens.at(-1)
    // No step goes on with the last token, so that no trace has it.
    return isChosen ? { outcome: 'agreed', questions } : { outcome: 'unshown', reason: lastToken, questions }
  }
  if (accused.found === 'silence') return { outcome: 'withheld', asked: accused.asked, questions }
  if (accused.found === 'unshown') return { outcome: 'unshown', reason: accused.reason, questions }
  const { accusation, workingRoot } = accused
  const working = 'working' in accusation ? accusation.working : undefined
  const plan = working && planStep(job, working.operator, working.step.position, working.step.token)
  const file = plan ? await own.file(plan) : () => new Uint8Array()
  let range: { from: number; count: number } | undefined
  const read = (from: number, count: number) => {
    range = { from, count }
    return file(from, count)
  }
  const finding = judge(job, accusation, { file: read, workingRoot })
  if (!finding.guilty) return { outcome: 'unshown', reason: finding.reason, questions }
  const { receipt, settlement, signature, opening } = chat
  const signed = working && asking.signed()
  const root = signed && { root: signed.root, signature: signed.signature }
  const request = accusation.kind === 'choice' ? openRequest(opening) : undefined
  const verdict = { settlement, receipt, signature, sampler: opening.sampler, root, request, accusation, finding }
  const shown = showAdapter(adapted, range)
  return { outcome: 'guilty', finding, verdict: { ...verdict, ...(shown && { adapter: shown }) }, questions }
}

const lastToken = 'the last token of the answer is not the one that was chosen; verifying the receipt says so'

/** Whether signature, opening and kind are such that a working exists. */
async function requireDisputable(bundle: Bundle, expected: Expectations): Promise<Bundle<ChatOpening>> {
  const wrong = await checkBundle(bundle, expected)
  if (wrong) throw new ReceiptUndisputableError({ reason: wrong.detail })
  if (!isChatBundle(bundle)) throw new ReceiptUndisputableError({ reason: 'The receipt is about bytes, not a run.' })
  const { traceRoots, outputTokens } = bundle.opening
  if (traceRoots) throw new ReceiptUndisputableError({ reason: 'The request asks for several answers.' })
  if (outputTokens.length === 0) throw new ReceiptUndisputableError({ reason: 'The answer has no token.' })
  return bundle
}

function commitmentOf({ receipt, opening }: Bundle<ChatOpening>, model: Model, adapter: AdapterPlaces | undefined) {
  if (model.programId !== receipt.programId) {
    throw new ReceiptUndisputableError({ reason: 'The receipt names another program than this model has.' })
  }
  const { seed, traceRoot, promptTokens } = receipt
  const committed = commitAnswer(model, { ...opening, adapter, seed, traceRoot })
  const counted = committed.job.promptTokens
  if (BigInt(counted) !== promptTokens) {
    throw new ReceiptUndisputableError({ reason: `The prompt has ${counted} tokens; the receipt is wrong itself.` })
  }
  return committed
}

/** @throws {ReceiptUndisputableError} */
function commitAnswer(...answered: Parameters<typeof commitJob>) {
  try {
    return commitJob(...answered)
  } catch (error) {
    if (!(error instanceof SchemaUnsupportedError)) throw error
    throw new ReceiptUndisputableError({ reason: `The request has a schema that nobody answers: ${error.message}` })
  }
}

/** Messages stay behind their hash. */
function openRequest({ salt, messages, stop, sampler, shape }: ChatOpening): OpenedRequest | undefined {
  return shape && { salt, request: requestHash(messages, stop, samplerHash(sampler)), shape }
}
