/**
 * The data of a training of all weights: one long list of tokens, known by the root of its file, and cut into rows of one length. Which rows a
 * step takes follows from the seed and the cursor alone. Spec: spec/training.md §8.1.
 */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import type { TokenRow } from '../forwardPass.ts'
import { shuffledRows } from '../runTraining.ts'

export type Corpus = {
  /** Storage root of the file. */
  root: Hex
  rowTokens: number
  rowCount: number
  rowAt(index: number): TokenRow
}

/**
 * @param file - tokens as u16, little-endian
 * @param rowTokens - tokens that a row learns; it has one more, which is the first of the next row
 * @throws {CorpusInvalidError}
 */
export function openCorpus(file: Uint8Array, rowTokens: number): Corpus {
  if (!Number.isInteger(rowTokens) || rowTokens < 1 || rowTokens > 65_535) {
    throw new CorpusInvalidError('a row is not 1 to 65,535 tokens')
  }
  if (file.length % 2 !== 0) throw new CorpusInvalidError('it is not whole tokens of two bytes')
  const tokens = new Uint16Array(file.slice().buffer)
  const rowCount = Math.floor((tokens.length - 1) / rowTokens)
  if (rowCount < 1) throw new CorpusInvalidError('it is shorter than one row')
  return {
    root: bytesToHex(fileRoot(file)),
    rowTokens,
    rowCount,
    rowAt(index) {
      const row = Array.from(tokens.subarray(index * rowTokens, (index + 1) * rowTokens + 1))
      return { tokens: row, mask: row.map(() => 1) }
    },
  }
}

/** Indices of the rows of the step that begins with `rowsSeen` rows learnt from, the last of an epoch perhaps fewer. */
export function createBatches({ rowCount }: Corpus, seed32: Uint8Array, batchRows: number) {
  let order: { epoch: number; rows: Uint32Array } | undefined
  return (rowsSeen: number): number[] => {
    const epoch = epochAt(rowsSeen, rowCount)
    if (order?.epoch !== epoch) order = { epoch, rows: shuffledRows(seed32, epoch, rowCount) }
    const at = rowsSeen % rowCount
    return Array.from(order.rows.subarray(at, at + batchRows))
  }
}

/** Number of the epoch, which is the stream that its order is drawn from. */
export function epochAt(rowsSeen: number, rowCount: number): number {
  return Math.floor(rowsSeen / rowCount)
}

export class CorpusInvalidError extends WeightlessError {
  constructor(reason: string) {
    super('tensor/corpus-invalid', `The data cannot be trained on: ${reason}.`)
  }
}
