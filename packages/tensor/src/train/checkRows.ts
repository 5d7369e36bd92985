/** What rows of tokens must be to be trained on. Spec: spec/training.md §1, §3.5. */
import { WeightlessError } from '@weightless/codec'
import type { Graph } from '../model/describeGraph.ts'
import type { TokenRow } from './forwardPass.ts'

/** Rows of one step at most. */
export const rowsMax = 256

/** @throws {TrainingRowsError} */
export function checkRows({ vocabSize, contextLength }: Graph, rows: readonly TokenRow[]): void {
  if (rows.length < 1 || rows.length > rowsMax)
    throw new TrainingRowsError(`${rows.length} rows are not 1 to ${rowsMax}`)
  for (const { tokens, mask } of rows) {
    if (tokens.length < 2 || tokens.length > Math.min(contextLength, 65_536)) {
      throw new TrainingRowsError(`a row of ${tokens.length} tokens does not fit the context of ${contextLength}`)
    }
    if (mask.length !== tokens.length) throw new TrainingRowsError('a mask is not as long as its row')
    if (!tokens.every((token) => Number.isInteger(token) && token >= 0 && token < vocabSize)) {
      throw new TrainingRowsError('a token is not in the vocabulary')
    }
  }
}

/** Tokens of the rows that are learnt. @throws {TrainingRowsError} for none */
export function countTokens(rows: readonly TokenRow[]): number {
  const counted = rows.reduce((total, { mask }) => total + mask.filter((value, i) => i > 0 && value === 1).length, 0)
  if (counted === 0) throw new TrainingRowsError('no token of the rows counts')
  return counted
}

export class TrainingRowsError extends WeightlessError {
  constructor(reason: string) {
    super('tensor/training-rows', `The rows cannot be trained on: ${reason}.`)
  }
}
