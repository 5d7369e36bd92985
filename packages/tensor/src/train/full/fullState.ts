/** The state of a training of all weights as bytes: head, values and both moments. Spec: spec/training.md §8.5. */
import { bytesEqual, bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { placeNumbers, readHead, splitState, TrainerStateError, writeState } from '../stateBytes.ts'
import type { FullOptions } from './fullOptions.ts'
import type { FullProgress, FullTrainer } from './fullTraining.ts'
import { type Corpus, epochAt } from './openCorpus.ts'

/** What the head says, field by field in its order. */
export type FullHead = {
  version: 1
  program: Hex
  /** Root of the data's file. */
  data: Hex
  rowTokens: number
  rowCount: number
  step: number
  rowsSeen: number
  /** Stream of random words that the order of the next rows is drawn from. */
  orderStream: number
  /** Values in each list. */
  values: number
  seed: Hex
  settings: Omit<FullOptions, 'seed32'>
}

const magic = textToBytes('WLF1')

/** What a head is made of, beside the progress. */
export type HeadFacts = {
  programId: Hex
  options: FullOptions
  corpus: Pick<Corpus, 'root' | 'rowTokens' | 'rowCount'>
  /** Values of a list. */
  values: number
}

export function headOf({ programId, options, corpus, values }: HeadFacts, { step, rowsSeen }: FullProgress): FullHead {
  const { seed32, ...rest } = options
  return {
    version: 1,
    program: programId,
    data: corpus.root,
    rowTokens: corpus.rowTokens,
    rowCount: corpus.rowCount,
    step,
    rowsSeen,
    orderStream: epochAt(rowsSeen, corpus.rowCount),
    values,
    seed: bytesToHex(seed32),
    settings: Object.fromEntries(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1))) as FullHead['settings'],
  }
}

export function headFacts({ description, options, corpus, whole }: FullTrainer): HeadFacts {
  return { programId: description.programId, options, corpus, values: whole.length }
}

export function encodeHead(head: FullHead): Uint8Array {
  return textToBytes(JSON.stringify(head))
}

export function encodeFullState(trainer: FullTrainer): Uint8Array {
  const head = encodeHead(headOf(headFacts(trainer), trainer.progress))
  return writeState(magic, head, trainer.parts.arena, trainer.whole)
}

/** Puts weights and moments in place. @throws {TrainerStateError} before anything is changed */
export function decodeFullState(trainer: FullTrainer, state: Uint8Array): FullProgress {
  const { head, numbers } = splitState(magic, state)
  const { step, rowsSeen } = readHead(head)
  const progress = { step, rowsSeen }
  if (!bytesEqual(encodeHead(headOf(headFacts(trainer), progress)), head)) {
    throw new TrainerStateError('its options, data or model are others')
  }
  placeNumbers(numbers, trainer.parts.arena, trainer.whole)
  return progress
}
