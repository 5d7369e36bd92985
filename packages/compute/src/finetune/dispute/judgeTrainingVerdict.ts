/** Judges a verdict file about a training again, from the model's file and, where it is about rows, the dataset: nobody is asked. Spec: spec/dispute.md §14.6 */
import { bytesToHex, hexToBytes, WeightlessError } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import { judgeTraining, type TrainingFinding } from '@weightless/dispute'
import { checks } from '@weightless/receipt'
import { checkTrainingBundle, type TrainingBundle, trainingProgramId } from '@weightless/receipt/training'
import { isTrainingRootSigned } from '@weightless/receipt/trainingRoot'
import { type ByteSource, describeModel } from '@weightless/tensor'
import type { TrainingVerdictFile } from '../../wire/trainingVerdict.ts'
import { readDataset } from '../readDataset.ts'
import { readTrainingParameters } from '../trainingParameters.ts'
import type { ChargedJob } from './chargedJob.ts'
import { openCharge } from './openCharge.ts'

export type TrainingJudgement =
  /** As the file says. */
  | { outcome: 'guilty'; finding: Extract<TrainingFinding, { guilty: true }> }
  /** The file shows nothing against the trainer, or not what it says. */
  | { outcome: 'refused'; reason: string }

/**
 * @param model - the receipt's; read for its root unless it proves what it reads (`root`)
 * @param dataset - the plain lines; needed for what is said of heads and states
 * @throws {GgufInvalidError} for a model that has the receipt's root and is none of ours
 */
export async function judgeTrainingVerdict(
  file: TrainingVerdictFile,
  model: ByteSource & { root: string },
  dataset?: Uint8Array,
): Promise<TrainingJudgement> {
  const { bundle, roots } = file
  const wrong = await checkTrainingBundle(bundle)
  if (wrong) return refuse(wrong.detail)
  if (bundle.receipt.check !== checks.reExecution) return refuse('nobody can repeat what this trainer does')
  for (const { signature, ...signed } of roots) {
    if (!isTrainingRootSigned(bundle.receipt, signed, bundle.settlement, signature)) {
      return refuse('a root is not signed by the trainer')
    }
  }
  if (model.root.toLowerCase() !== bundle.receipt.modelRoot) {
    return refuse(`these are not the weights ${bundle.receipt.modelRoot}`)
  }
  const job = await readJob(bundle, model, dataset)
  if ('reason' in job) return refuse(job.reason)
  const finding = await judgeAgainst(file, job)
  if (!finding.guilty) return refuse(finding.reason)
  for (const [name, value] of Object.entries(finding)) {
    const said = file.finding[name as keyof typeof finding]
    if (said !== value) return refuse(`the file says ${name} ${said}, judging gives ${value}`)
  }
  return { outcome: 'guilty', finding }
}

export type Charge = Pick<TrainingVerdictFile, 'bundle' | 'roots' | 'accusation'>

/** The roots are taken for signed. */
export async function judgeAgainst({ bundle, roots, accusation }: Charge, job: ChargedJob): Promise<TrainingFinding> {
  const run = roots.find(({ place }) => place === 0)
  const trace = roots.find(({ place }) => place > 0)
  const outline = job.outline(bundle, run ? run.leaves - 1 : 0)
  if (outline.whole && run && outline.whole.steps !== outline.steps) {
    return { guilty: false, reason: 'the run has not as many steps as the job' }
  }
  return judgeTraining(outline, accusation, {
    run: run && hexToBytes(run.root),
    trace: trace && { step: trace.place - 1, root: hexToBytes(trace.root), leaves: trace.leaves },
  })
}

async function readJob(
  { receipt, opening }: TrainingBundle,
  source: ByteSource,
  dataset: Uint8Array | undefined,
): Promise<ChargedJob | { reason: string }> {
  const model = await describeModel(source)
  if (trainingProgramId(model.programId) !== receipt.programId) {
    return { reason: 'the receipt names another program than this model has' }
  }
  const read = readTrainingParameters(opening.parameters)
  if (!read.ok) return { reason: read.detail ?? 'the parameters are malformed' }
  if (dataset && bytesToHex(fileRoot(dataset)) !== opening.plainRoot) {
    return { reason: 'this is not the dataset of the receipt' }
  }
  const lines = dataset && readDataset(dataset)
  if (lines && !lines.ok) return { reason: lines.detail ?? 'the dataset is malformed' }
  const { parameters } = read.value
  try {
    return await openCharge({ model, source, parameters, examples: lines?.value })
  } catch (fault) {
    // Of such a job nobody has an honest receipt, or nobody traces its steps.
    if (fault instanceof WeightlessError) return { reason: fault.message }
    throw fault
  }
}

const refuse = (reason: string): TrainingJudgement => ({ outcome: 'refused', reason })
