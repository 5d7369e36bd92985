/** A training of an adapter that is under way. */
import type { Hex } from '@weightless/codec'
import type { Model } from '../model/loadModel.ts'
import type { LoraOptions } from './loraOptions.ts'
import type { LoraWeights } from './loraWeights.ts'
import type { PassRunner } from './passRunner.ts'

export type TrainProgress = {
  step: number
  /** Rows learnt from so far, over all epochs: the cursor in the data. */
  rowsSeen: number
  /** Chain of digests over every batch, so that other data, or the same in another order, shows. */
  dataDigest: Hex
}

export type Trainer = {
  model: Model
  options: LoraOptions
  lora: LoraWeights
  runner: PassRunner
  sums: number
  /** Address of the tree over the state. */
  tree: number
  progress: TrainProgress
}
