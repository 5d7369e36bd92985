/** A training of all weights that is under way. */
import type { Gguf } from '../../gguf/readGguf.ts'
import type { EngineParts } from '../../model/engineParts.ts'
import type { ModelDescription } from '../../model/loadModel.ts'
import type { PassRunner } from '../passRunner.ts'
import type { FullOptions } from './fullOptions.ts'
import type { Corpus } from './openCorpus.ts'
import type { WholeWeights } from './wholeWeights.ts'

export type FullProgress = {
  step: number
  /** Rows learnt from so far, over all epochs: the cursor in the data. */
  rowsSeen: number
}

export type FullTrainer = {
  description: ModelDescription
  gguf: Gguf
  options: FullOptions
  corpus: Corpus
  parts: EngineParts
  whole: WholeWeights
  runner: PassRunner
  /** Address of room for sums of runs. */
  sums: number
  /** Address of the tree over the state. */
  tree: number
  batchAt: (rowsSeen: number) => number[]
  progress: FullProgress
}
