/** Disputes a training with its live provider, over HTTP, and judges files about trainings again. Spec: spec/dispute.md §14 */
import { type Hex, WeightlessError } from '@weightless/codec'
import type { TrainingDispute, TrainingJudgement } from '@weightless/compute/client'
import type { TrainingVerdictFile } from '@weightless/compute/wire'
import type { TrainingBundle } from '@weightless/receipt/training'
import type { ClientEnv } from '../clientContext.ts'
import { type ModelFile, requireWeights } from '../receipts/requireWeights.ts'

export type TrainingDisputeOptions = {
  /** Silence after which an answer counts as withheld; an hour by default, since the provider trains again up to the step in question. */
  answerMsMax?: number
  /** Steps of the own training, then questions, whose number is not known before. */
  onStep?: (step: number, steps: number) => void
  onQuestion?: (question: { ask: string }) => void
  /** Awaited between steps. */
  pause?: () => Promise<void>
  signal?: AbortSignal
  /** The chain and contract that the receipt must be of. */
  expected?: { chainId?: bigint; settlement?: Hex }
}

/**
 * Bundle, provider, model and dataset are all there is: no network needs to be known. Takes a training, and of the step at fault its trace.
 * @param weights - the whole GGUF file
 * @param dataset - the plain lines
 * @throws {JobUndisputableError}
 */
export async function disputeTraining(
  env: Pick<ClientEnv, 'network' | 'log' | 'clock'>,
  bundle: TrainingBundle,
  providerUrl: string,
  { weights, dataset }: { weights: Uint8Array; dataset: Uint8Array },
  options: TrainingDisputeOptions = {},
): Promise<TrainingDispute> {
  const { playTrainingDispute } = await import('@weightless/compute/client')
  const { onStep, onQuestion, pause, expected } = options
  const send = await createSend(env, bundle, providerUrl, options)
  return playTrainingDispute(bundle, {
    ...{ weights, dataset },
    send(body) {
      onQuestion?.(body.question)
      return send(body)
    },
    ...(onStep && { onStep }),
    ...(pause && { pause }),
    ...(expected && { expected }),
  })
}

/**
 * @param model - the receipt's, as a file; read once through for its root, unless it proves what it reads
 * @param dataset - the plain lines; needed for what is said of heads and states
 */
export async function judgeTraining(
  file: TrainingVerdictFile,
  model: ModelFile,
  dataset?: Uint8Array,
): Promise<TrainingJudgement> {
  const { judgeTrainingVerdict } = await import('@weightless/compute/client')
  const { modelRoot } = file.bundle.receipt
  const source = await requireWeights(model, modelRoot)
  if (!source) return { outcome: 'refused', reason: `these are not the weights ${modelRoot}` }
  return judgeTrainingVerdict(file, source, dataset)
}

const answerMsDefault = 3_600_000
const againMs = 1_000
const waitMsMax = 30_000
const requestMsMax = 60_000

/** Undefined for what the provider refuses, or does not answer in time. Broken connections and answers under way are asked for again. */
async function createSend(
  { network, clock, log }: Pick<ClientEnv, 'network' | 'log' | 'clock'>,
  { receipt, settlement }: TrainingBundle,
  url: string,
  { answerMsMax = answerMsDefault, signal }: TrainingDisputeOptions,
): Promise<(body: object) => Promise<unknown>> {
  const [{ hashReceipt }, { disputePath, trainingAnswerBytesMax }] = await Promise.all([
    import('@weightless/receipt/receipt'),
    import('@weightless/compute/wire'),
  ])
  const target = `${url.replace(/\/+$/, '')}${disputePath(hashReceipt(receipt, settlement))}`
  const headers = { 'content-type': 'application/json' }
  async function ask(body: object): Promise<{ answer: unknown } | { againMs: number } | undefined> {
    try {
      const request = { method: 'POST', headers, body: JSON.stringify(body), timeoutMs: requestMsMax }
      const response = await network.fetch(target, { ...request, ...(signal && { signal }) })
      if (response.status === 200) return { answer: await response.json(trainingAnswerBytesMax) }
      if (response.status !== 429 && response.status !== 503) return undefined
      return { againMs: Number(response.headers['retry-after'] ?? 1) * 1000 }
    } catch (fault) {
      signal?.throwIfAborted()
      log.debug('question not answered', { reason: fault instanceof Error ? fault.message : String(fault) })
      return { againMs }
    }
  }
  return async (body) => {
    const untilMs = clock.monotonicMs() + answerMsMax
    for (;;) {
      const said = await ask(body)
      if (!said || 'answer' in said) return said?.answer
      const waitMs = Math.min(waitMsMax, Math.max(againMs, said.againMs || againMs))
      if (clock.monotonicMs() + waitMs > untilMs) return undefined
      await clock.sleep(waitMs, signal)
    }
  }
}

export class TrainerUnknownError extends WeightlessError {
  constructor(facts: { provider: Hex }) {
    super('sdk/trainer-unknown', 'The registry has no fine-tuning service of this provider.', facts, {
      hint: 'Name its address with --provider.',
    })
  }
}
