/** Judges a verdict file about a training again, from the model's file and, where it is about rows, the dataset: nobody is asked. Spec: spec/dispute.md §14.6 */
import { bytesToHex, bytesToText, type Hex, hexToBytes, isHexOf } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import {
  type JobOutline,
  JobUndisputableError,
  judgeTraining,
  type LoraJobFacts,
  loraJob,
  planLoraStep,
  type TrainingFinding,
} from '@weightless/dispute'
import { readWeightChunk } from '@weightless/dispute/numbers/weightChunk'
import { checks } from '@weightless/receipt'
import { checkTrainingBundle, type TrainingBundle, trainingProgramId } from '@weightless/receipt/training'
import { isTrainingRootSigned } from '@weightless/receipt/trainingRoot'
import { type ByteSource, describeModel } from '@weightless/tensor'
import { encodeAdapter } from '@weightless/tensor/adapter/encodeAdapter'
import { checkRows, countTokens, TrainingRowsError } from '@weightless/tensor/train/checkRows'
import { placeLora } from '@weightless/tensor/train/loraWeights'
import { digestBatch } from '@weightless/tensor/train/trainerState'
import type { TrainingVerdictFile } from '../../wire/trainingVerdict.ts'
import { encodeExamples } from '../encodeExamples.ts'
import { loraOptionsOf } from '../openLoraRun.ts'
import { readDataset } from '../readDataset.ts'
import { readTrainingParameters } from '../trainingParameters.ts'

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

/** What the model's file and the bundle give of a job; `batches` where the data are there. */
export type ChargedJob = Omit<LoraJobFacts, 'batches'> & {
  /** Of the base model, as its file says. */
  name: string
  batches?: LoraJobFacts['batches']
}

export type Charge = Pick<TrainingVerdictFile, 'bundle' | 'roots' | 'accusation'>

/** The roots are taken for signed. */
export async function judgeAgainst({ bundle, roots, accusation }: Charge, job: ChargedJob): Promise<TrainingFinding> {
  const run = roots.find(({ place }) => place === 0)
  const trace = roots.find(({ place }) => place > 0)
  const outline = outlineOf(bundle, job, run ? run.leaves - 1 : 0)
  if (outline.whole && run && outline.whole.steps !== outline.steps) {
    return { guilty: false, reason: 'the run has not as many steps as the job' }
  }
  return judgeTraining(outline, accusation, {
    run: run && hexToBytes(run.root),
    trace: trace && { step: trace.place - 1, root: hexToBytes(trace.root), leaves: trace.leaves },
  })
}

function outlineOf({ receipt, opening }: TrainingBundle, job: ChargedJob, steps: number): JobOutline {
  const { graph, programId, options, readWeights, name, batches } = job
  const layout = placeLora(graph, options)
  const { start } = loraJob({ graph, programId, options, readWeights, batches: [] })
  return {
    ...{ steps, values: layout.length, start, final: hexToBytes(receipt.traceRoot), readWeights },
    planStep(step, rows) {
      try {
        checkRows(graph, rows)
        countTokens(rows)
        return planLoraStep({ graph, options, step, rows })
      } catch (fault) {
        if (fault instanceof TrainingRowsError || fault instanceof JobUndisputableError) return undefined
        throw fault
      }
    },
    follows(before, rows, after) {
      const [from, to] = [digestIn(before), digestIn(after)]
      return from !== undefined && digestBatch(from, rows) === to
    },
    adapterRoot: (values) => bytesToHex(fileRoot(encodeAdapter({ values, layout, options, graph, name }))),
    deliveredRoot: opening.adapterRoot,
    whole: batches && loraJob({ graph, programId, options, readWeights, batches }),
  }
}

/** The digest of the data so far, of a head. */
function digestIn(head: Uint8Array): Hex | undefined {
  try {
    const { dataDigest } = JSON.parse(bytesToText(head)) as { dataDigest?: unknown }
    return isHexOf(dataDigest, 32) ? dataDigest : undefined
  } catch {
    // Whatever its trainer wrote there binds no rows.
    return undefined
  }
}

async function readJob(
  { receipt, opening }: TrainingBundle,
  source: ByteSource,
  dataset: Uint8Array | undefined,
): Promise<ChargedJob | { reason: string }> {
  const model = await describeModel(source)
  const { graph, programId, info } = model
  if (trainingProgramId(programId) !== receipt.programId) {
    return { reason: 'the receipt names another program than this model has' }
  }
  const read = readTrainingParameters(opening.parameters)
  if (!read.ok) return { reason: read.detail ?? 'the parameters are malformed' }
  if (read.value.parameters.method !== 'lora') return { reason: 'the training is of no adapter' }
  const job: ChargedJob = {
    ...{ graph, programId, options: loraOptionsOf(read.value.parameters), name: info.name },
    async readWeights(name, chunk) {
      const tensor = graph.tensors.get(name)
      return tensor ? readWeightChunk(tensor, chunk, source) : new Float32Array()
    },
  }
  if (!dataset) return job
  if (bytesToHex(fileRoot(dataset)) !== opening.plainRoot) return { reason: 'this is not the dataset of the receipt' }
  const lines = readDataset(dataset)
  if (!lines.ok) return { reason: lines.detail ?? 'the dataset is malformed' }
  const { rows, batches } = encodeExamples(model, lines.value, read.value.parameters)
  return { ...job, batches: batches.map((batch) => batch.map((row) => rows[row]!)) }
}

const refuse = (reason: string): TrainingJudgement => ({ outcome: 'refused', reason })
