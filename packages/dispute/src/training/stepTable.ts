/**
 * One table of a training step: an operator's output, whose every word is a function of earlier tables, the state before the step and the rows of tokens.
 * Spec: spec/dispute.md §11.2.
 */

/** Words of a chunk, which is a piece of state where the table is one of weights or moments. */
export const chunkWords = 1024

/** Word `index` of something, as f32. */
export type ReadWord = (index: number) => number

/** What a rule reads, by name: an earlier table, or `p/…`, `m/…`, `v/…` of the state before. */
export type ReadTable = (name: string) => ReadWord

/** As `ReadTable`, all of it. */
export type ReadWhole = (name: string) => Float32Array

export type StepTable = {
  name: string
  words: number
  /** What gives each word. It may remember what several words need. */
  rule: (read: ReadTable) => ReadWord
  /** All words at once, with the same bits; undefined where there is no faster way than word by word. */
  whole?: ((read: ReadWhole) => Float32Array) | undefined
}

export function chunkCount(words: number): number {
  return Math.ceil(words / chunkWords)
}

/** Words of one chunk, little-endian. */
export function computeChunk(table: StepTable, chunk: number, read: ReadTable): Uint8Array {
  const word = table.rule(read)
  const from = chunk * chunkWords
  const count = Math.min(chunkWords, table.words - from)
  const values = new Float32Array(count)
  for (let i = 0; i < count; i++) values[i] = word(from + i)
  return new Uint8Array(values.buffer)
}
