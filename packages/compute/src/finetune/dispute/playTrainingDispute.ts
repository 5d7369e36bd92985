/**
 * A dispute with whoever trained: trains again, asks for the first number that differs, and judges it as anybody else would.
 * Spec: spec/dispute.md §14
 */
import { bytesToHex, hexToBytes } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import { accuseTraining, JobUndisputableError, pieceDigests } from '@weightless/dispute'
import { checks, type Expectations } from '@weightless/receipt'
import { checkTrainingBundle, type TrainingBundle } from '@weightless/receipt/training'
import { askTrainingDefender } from '../../wire/askTrainingDefender.ts'
import type { TrainingQuestion } from '../../wire/trainingQuestions.ts'
import type { TrainingVerdictFile } from '../../wire/trainingVerdict.ts'
import { findOtherRun, matchInputs } from '../verifyTraining.ts'
import { type Charge, judgeAgainst } from './judgeTrainingVerdict.ts'
import { type ReplayHooks, replayTraining, type TrainingReplay } from './replayTraining.ts'

/** `questions`: how many were asked. */
export type TrainingDispute = { questions: number } & (
  | { outcome: 'agreed' }
  /** The trainer did not answer, or not with what hashes to its commitments. Not guilt. */
  | { outcome: 'withheld'; asked: string }
  /** It differs where no number shows it. */
  | { outcome: 'unshown'; reason: string }
  /** Shows it to anybody who has the model, and the data where it says so. */
  | { outcome: 'guilty'; verdict: TrainingVerdictFile }
)

export type TrainingDisputeMeans = ReplayHooks & {
  /** A question to the trainer; undefined for what it does not answer. */
  send(body: { salt: `0x${string}`; question: TrainingQuestion }): Promise<unknown>
  /** The whole GGUF file. */
  weights: Uint8Array
  /** The plain lines that were trained on. */
  dataset: Uint8Array
  expected?: Expectations
}

/** @throws {JobUndisputableError} */
export async function playTrainingDispute(
  bundle: TrainingBundle,
  means: TrainingDisputeMeans,
): Promise<TrainingDispute> {
  const { weights, dataset, send } = means
  const wrong = await checkTrainingBundle(bundle, means.expected)
  if (wrong) throw new JobUndisputableError({ reason: wrong.detail })
  if (bundle.receipt.check !== checks.reExecution) {
    throw new JobUndisputableError({ reason: 'nobody can repeat what this trainer does' })
  }
  const inputs = matchInputs(bundle, weights, dataset)
  if ('fault' in inputs) throw new JobUndisputableError({ reason: inputs.detail })
  const replay = await replayTraining(weights, inputs, undefined, means)
  const other = findOtherRun(bundle, replay.run)
  // The receipt is wrong by itself: verifying it says so.
  if (other) return { outcome: 'unshown', reason: other.detail, questions: 0 }
  const final = hexToBytes(bundle.receipt.traceRoot)
  const own = bytesToHex(replay.record.states[replay.job.steps]!)
  if (own === bundle.receipt.traceRoot) return disputeAdapter(bundle, replay)
  const asking = askTrainingDefender(bundle, replay.job, send)
  const accused = await accuseTraining(replay, final, asking.defender)
  const questions = asking.asked()
  if (accused.found === 'silence') return { outcome: 'withheld', asked: accused.asked, questions }
  if (accused.found === 'nothing') return { outcome: 'agreed', questions }
  return weigh({ bundle, roots: asking.signed(), accusation: accused.accusation }, replay, questions)
}

/** Both came to the same state: what is left is the adapter that was made of it. */
async function disputeAdapter(bundle: TrainingBundle, replay: TrainingReplay): Promise<TrainingDispute> {
  const { job, record, run } = replay
  const state = await record.stateAt(job.steps)
  const root = bytesToHex(fileRoot(run.exportResult()))
  if (root === bundle.opening.adapterRoot) return { outcome: 'agreed', questions: 0 }
  const values = new Uint8Array(state.p.slice().buffer)
  const accusation = { kind: 'adapter' as const, head: job.headAt(job.steps), digests: pieceDigests(state), values }
  return weigh({ bundle, roots: [], accusation }, replay, 0)
}

/** Nobody is told guilty whom the judge, with what it has, would not find guilty. */
async function weigh(charge: Charge, { charged }: TrainingReplay, questions: number): Promise<TrainingDispute> {
  const finding = await judgeAgainst(charge, charged)
  if (!finding.guilty) return { outcome: 'unshown', reason: finding.reason, questions }
  return { outcome: 'guilty', verdict: { ...charge, finding }, questions }
}
