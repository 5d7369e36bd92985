/** One step of a training of all weights. Spec: spec/training.md §8. */
import type { Hex } from '@weightless/codec'
import { type ByteSource, toByteSource } from '../../byteSource.ts'
import { GgufInvalidError } from '../../gguf/ggufInvalidError.ts'
import { readGguf } from '../../gguf/readGguf.ts'
import { loadModel } from '../../model/loadModel.ts'
import { checkRows, countTokens } from '../checkRows.ts'
import { allocateStateTree, hashState, stateRootOf } from '../commitState.ts'
import type { TokenRow } from '../forwardPass.ts'
import { learningRateAt } from '../learningRate.ts'
import { stepFactors } from '../optimiser.ts'
import { accumulateRows, createPassRunner } from '../passRunner.ts'
import { refuseUntrainable } from '../refuseUntrainable.ts'
import { type TrainerMeans, TrainingDivergedError, type TrainStep } from '../trainer.ts'
import { checkFullOptions, decays, type FullOptions } from './fullOptions.ts'
import { encodeHead, headFacts, headOf } from './fullState.ts'
import type { FullTrainer } from './fullTraining.ts'
import { type Corpus, createBatches } from './openCorpus.ts'
import { packWeights, takeWeights } from './wholeWeights.ts'

export type OpenFullOptions = Partial<FullOptions> & { seed32: Uint8Array } & TrainerMeans

/** @throws {FullOptionsError} {GgufInvalidError} {MemoryExhaustedError} {TrainingRowsError} when rows do not fit the context */
export async function createFullTrainer(
  weights: ByteSource | Uint8Array,
  corpus: Corpus,
  given: OpenFullOptions,
): Promise<FullTrainer> {
  const { passTokensMax = 2048, keptBytesMax = 2 ** 30, seat, ...rest } = given
  const options = checkFullOptions(rest)
  const source = toByteSource(weights)
  const gguf = await readGguf(source)
  const model = await loadModel(source, seat === undefined ? {} : { seat })
  refuseUntrainable(model.parts.graph)
  if (model.parts.weights.ropeFactors !== undefined) {
    throw new GgufInvalidError('its factors of rotation cannot be trained')
  }
  checkRows(model.parts.graph, [corpus.rowAt(0)])
  const { whole, parts } = takeWeights(model.parts)
  return {
    description: model,
    gguf,
    options,
    corpus,
    parts,
    whole,
    runner: createPassRunner(parts, { what: 'weights', whole }, { passTokensMax, keptBytesMax }),
    sums: parts.arena.allocate(Math.ceil(whole.length / 256) * 4 + 64),
    tree: allocateStateTree(parts, whole.length),
    batchAt: createBatches(corpus, options.seed32, options.batchRows),
    progress: { step: 0, rowsSeen: 0 },
  }
}

/** @throws {TrainingRowsError} {TrainingDivergedError} the state is then that before the step */
export function takeFullStep(trainer: FullTrainer): TrainStep {
  const { options, corpus, progress } = trainer
  const rows = trainer.batchAt(progress.rowsSeen).map((index) => corpus.rowAt(index))
  const { loss, counted } = accumulateFull(trainer, rows)
  const gradNorm = gradientNorm(trainer)
  if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
    throw new TrainingDivergedError({ step: progress.step + 1, loss: String(loss), gradNorm: String(gradNorm) })
  }
  const learningRate = learningRateAt(options, progress.step)
  optimise(trainer, gradNorm, learningRate)
  trainer.progress = { step: progress.step + 1, rowsSeen: progress.rowsSeen + rows.length }
  const tokens = rows.reduce((total, row) => total + row.tokens.length, 0)
  const { step } = trainer.progress
  return { step, loss, gradNorm, learningRate, tokens, counted, stateHash: fullStateHash(trainer) }
}

/** The mean loss of the rows, and its gradients in place of those before. */
export function accumulateFull(
  { whole, parts, runner }: FullTrainer,
  rows: readonly TokenRow[],
): { loss: number; counted: number } {
  const { arena, graph } = parts
  checkRows(graph, rows)
  const counted = countTokens(rows)
  const embedding = whole.byName.get('token_embd.weight')!
  arena.bytes(whole.gradients, whole.length * 4).fill(0)
  if (graph.tied) arena.bytes(whole.embedded, embedding.length * 4).fill(0)
  const loss = accumulateRows(runner, rows, counted)
  if (graph.tied) arena.kernels.addInto(whole.gradients + embedding.at * 4, whole.embedded, embedding.length)
  return { loss, counted }
}

export function gradientNorm({ whole, parts, sums }: FullTrainer): number {
  return Math.sqrt(parts.arena.kernels.foldSquares(whole.gradients, whole.length, sums))
}

function optimise({ whole, parts, options, progress }: FullTrainer, gradNorm: number, learningRate: number): void {
  const { beta1, beta2, epsilon, weightDecay } = options
  const { clip, c1, c2 } = stepFactors(options, gradNorm, progress.step + 1)
  for (const slot of whole.slots) {
    const decay = decays(options, slot.name) ? weightDecay : 0
    const [p, m, v, g] = [whole.values, whole.means, whole.powers, whole.gradients].map((list) => list + slot.at * 4)
    const { adamW } = parts.arena.kernels
    adamW(p!, m!, v!, g!, slot.length, clip, learningRate, beta1, beta2, c1, c2, epsilon, decay)
  }
  packWeights(whole, parts)
}

export function fullStateHash(trainer: FullTrainer): Hex {
  const top = hashState(trainer.parts, trainer.whole, trainer.tree)
  return stateRootOf(encodeHead(headOf(headFacts(trainer), trainer.progress)), top)
}
