/** Examples as one list of tokens for a training of all weights: shuffled by the seed, then one after another. Spec: FINETUNING §4.3 */
import { type Corpus, type ModelDescription, openCorpus, type TokenRow } from '@weightless/tensor'
import { createDraw, encodeRow, shuffle, stepsLimit } from './encodeExamples.ts'
import type { TrainingExample } from './readDataset.ts'
import type { TrainingParameters } from './trainingParameters.ts'
import { type TrainingPlan, TrainingRefusedError } from './trainingWorker.ts'

export type EncodedCorpus = {
  corpus: Corpus
  heldOut: TokenRow[]
  plan: TrainingPlan
}

/** Tokens of a corpus are u16. */
const vocabularyMax = 65_536

/** @throws {TrainingRefusedError} too few tokens, too many steps, a vocabulary that is too large @throws {ChatTemplateError} */
export function encodeCorpus(
  model: ModelDescription,
  examples: readonly TrainingExample[],
  parameters: TrainingParameters,
): EncodedCorpus {
  const { vocabSize, contextLength } = model.info
  const refuse = (reason: string): never => {
    throw new TrainingRefusedError({ reason })
  }
  if (vocabSize > vocabularyMax) refuse(`a vocabulary of ${vocabSize}; at most ${vocabularyMax}`)
  const all = shuffle(
    examples.map((example) => encodeRow(model, example, Number.MAX_SAFE_INTEGER).tokens),
    createDraw(parameters.seed),
  )
  const heldCount = Math.floor(all.length * parameters.heldOutShare)
  const tokens = all.slice(heldCount).flat()
  const rowTokens = Math.min(parameters.rowTokensMax, contextLength, tokens.length) - 1
  if (rowTokens < 1) refuse('fewer than two tokens to train on')
  const corpus = openCorpus(new Uint8Array(Uint16Array.from(tokens).buffer), rowTokens)
  const heldOut = cutRows(all.slice(0, heldCount).flat(), rowTokens + 1)
  const { epochs, batchRows, stepsMax } = parameters
  const inEpoch = Math.ceil(corpus.rowCount / batchRows)
  const wanted = Math.max(1, Math.ceil(inEpoch * epochs))
  const steps = Math.min(wanted, stepsMax ?? wanted)
  if (steps > stepsLimit) refuse(`${steps} steps; at most ${stepsLimit}`)
  const rows = Math.floor(steps / inEpoch) * corpus.rowCount + (steps % inEpoch) * batchRows
  const plan = { rows: corpus.rowCount, heldOutRows: heldOut.length, steps, trainedTokens: rows * (rowTokens + 1) }
  return { corpus, heldOut, plan }
}

function cutRows(tokens: readonly number[], length: number): TokenRow[] {
  const rows: TokenRow[] = []
  for (let at = 0; at + 1 < tokens.length; at += length) {
    const row = tokens.slice(at, at + length)
    if (row.length > 1) rows.push({ tokens: row, mask: row.map(() => 1) })
  }
  return rows
}
