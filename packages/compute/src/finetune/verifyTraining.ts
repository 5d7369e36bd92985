/**
 * Trains again what a receipt of class 3 says was trained, and compares: program, tokens, final state, adapter. Without its
 * provider; needs the model's weights and the plain dataset. Spec: RECEIPT §9.3
 */
import { bytesToHex, WeightlessError } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import { checks, type Difference, type Expectations } from '@weightless/receipt'
import { differ } from '@weightless/receipt/checkBundle'
import { checkTrainingBundle, type TrainingBundle } from '@weightless/receipt/training'
import { seedBytes } from './encodeExamples.ts'
import { openTrainingRun } from './openTrainingRun.ts'
import { readDataset } from './readDataset.ts'
import { readTrainingParameters } from './trainingParameters.ts'
import type { TrainingRun } from './trainingRun.ts'
import type { TrainingJob } from './trainingWorker.ts'

export type VerifyTrainingOptions = {
  /** The whole GGUF file; the array is given away. Undefined: only what needs no model is checked. */
  weights?: Uint8Array
  /** The plain lines that were trained on. Undefined: as without weights. */
  dataset?: Uint8Array
  expected?: Expectations
  onStep?: (step: number, steps: number) => void
  /** Awaited between steps. */
  pause?: () => Promise<void>
}

export type TrainingVerification =
  | { accepted: true; reExecuted: true; steps: number; trainedTokens: number; adapter: Uint8Array }
  /** Signature, commitments, price and fee hold; nobody but the provider vouches for the training. */
  | { accepted: true; reExecuted: false; trainedTokens: number; note: string }
  | ({ accepted: false } & Difference)

/** A wrong bundle, dataset or model is an answer. */
export async function verifyTraining(
  bundle: TrainingBundle,
  { weights, dataset, expected, onStep, pause }: VerifyTrainingOptions,
): Promise<TrainingVerification> {
  const early = await checkTrainingBundle(bundle, expected)
  if (early) return { accepted: false, ...early }
  const { receipt } = bundle
  const trainedTokens = Number(receipt.promptTokens)
  if (receipt.check === checks.none) {
    const note =
      'Not re-executable: the trainer is not deterministic, so that the training was done is the word of the provider.'
    return { accepted: true, reExecuted: false, trainedTokens, note }
  }
  if (!weights || !dataset) {
    const note = 'Not trained again: that takes the weights of the base model and the plain dataset.'
    return { accepted: true, reExecuted: false, trainedTokens, note }
  }
  const run = await openRun(bundle, weights, dataset)
  if ('fault' in run) return { accepted: false, ...run }
  const { steps } = run.plan
  for (let step = 0; step < steps; step++) {
    run.takeStep()
    onStep?.(step + 1, steps)
    await pause?.()
  }
  const adapter = run.exportResult()
  const difference = findOtherResult(bundle, run, adapter)
  run.close()
  if (difference) return { accepted: false, ...difference }
  return { accepted: true, reExecuted: true, steps, trainedTokens, adapter }
}

/** The run that the receipt names, or what is not as it says before anything is trained. */
async function openRun(
  bundle: TrainingBundle,
  weights: Uint8Array,
  dataset: Uint8Array,
): Promise<TrainingRun | Difference> {
  const inputs = matchInputs(bundle, weights, dataset)
  if ('fault' in inputs) return inputs
  const run = await prepare(weights, inputs)
  return 'fault' in run ? run : (findOtherRun(bundle, run) ?? run)
}

/** What the receipt says was trained on, from the files themselves. */
export function matchInputs(
  { receipt, opening }: TrainingBundle,
  weights: Uint8Array,
  dataset: Uint8Array,
): Pick<TrainingJob, 'examples' | 'parameters'> | Difference {
  const modelRoot = bytesToHex(fileRoot(weights))
  if (modelRoot !== receipt.modelRoot) return differ('weights', 'root of the weights', modelRoot, receipt.modelRoot)
  const plainRoot = bytesToHex(fileRoot(dataset))
  if (plainRoot !== opening.plainRoot) return differ('dataset', 'root of the dataset', plainRoot, opening.plainRoot)
  const read = readTrainingParameters(opening.parameters)
  if (!read.ok) return { fault: 'malformed', detail: read.detail ?? 'parameters' }
  const { parameters } = read.value
  const seed = bytesToHex(seedBytes(parameters.seed))
  if (seed !== receipt.seed) return differ('commitment', 'seed', seed, receipt.seed)
  const lines = readDataset(dataset)
  if (!lines.ok) return { fault: 'dataset', detail: lines.detail ?? 'the dataset is malformed' }
  return { examples: lines.value, parameters }
}

/** Program, tokenizer or number of tokens that are not the receipt's. */
export function findOtherRun({ receipt }: TrainingBundle, run: TrainingRun): Difference | undefined {
  const { programId, tokenizerRoot } = run.proof()
  if (programId !== receipt.programId) return differ('program', 'program id', programId, receipt.programId)
  if (tokenizerRoot !== receipt.tokenizerRoot)
    return differ('program', 'tokenizer root', tokenizerRoot, receipt.tokenizerRoot)
  const { trainedTokens } = run.plan
  if (BigInt(trainedTokens) === receipt.promptTokens) return undefined
  return differ('usage', 'trained tokens', trainedTokens, receipt.promptTokens)
}

async function prepare(
  weights: Uint8Array,
  job: Pick<TrainingJob, 'examples' | 'parameters'>,
): Promise<TrainingRun | Difference> {
  try {
    return await openTrainingRun(weights, job)
  } catch (fault) {
    // No honest trainer comes further with these rows and parameters either.
    if (fault instanceof WeightlessError) return { fault: 'dataset', detail: fault.message }
    throw fault
  }
}

function findOtherResult(
  { receipt, opening }: TrainingBundle,
  run: TrainingRun,
  adapter: Uint8Array,
): Difference | undefined {
  const { stateHash } = run.proof()
  if (stateHash !== receipt.traceRoot) return differ('trace', 'final state', stateHash, receipt.traceRoot)
  const adapterRoot = bytesToHex(fileRoot(adapter))
  return adapterRoot === opening.adapterRoot
    ? undefined
    : differ('adapter', 'root of the adapter', adapterRoot, opening.adapterRoot)
}
