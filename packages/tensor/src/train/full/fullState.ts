/** The state of a training of all weights as bytes: head, values and both moments. Spec: spec/training.md §8.5. */
import { bytesEqual, bytesToHex, bytesToText, concatBytes, type Hex, textToBytes } from '@weightless/codec'
import { TrainerStateError } from '../trainerState.ts'
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
const headBytesMax = 1 << 16

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
  const { whole, parts } = trainer
  const head = encodeHead(headOf(headFacts(trainer), trainer.progress))
  const lists = [whole.values, whole.means, whole.powers].map((at) => parts.arena.bytes(at, whole.length * 4))
  return concatBytes([magic, new Uint8Array(Uint32Array.of(head.length).buffer), head, ...lists])
}

/** Puts weights and moments in place. @throws {TrainerStateError} before anything is changed */
export function decodeFullState(trainer: FullTrainer, state: Uint8Array): FullProgress {
  const { whole, parts } = trainer
  if (state.length < 8 || !bytesEqual(state.subarray(0, 4), magic)) throw new TrainerStateError('it is not a state')
  const length = new DataView(state.buffer, state.byteOffset, 8).getUint32(4, true)
  if (length > headBytesMax || 8 + length > state.length) throw new TrainerStateError('its head is too long')
  const head = state.subarray(8, 8 + length)
  const progress = readProgress(head)
  if (!bytesEqual(encodeHead(headOf(headFacts(trainer), progress)), head)) {
    throw new TrainerStateError('its options, data or model are others')
  }
  const listBytes = whole.length * 4
  if (state.length !== 8 + length + 3 * listBytes) throw new TrainerStateError('it has not the size of its weights')
  for (const [i, at] of [whole.values, whole.means, whole.powers].entries()) {
    const from = 8 + length + i * listBytes
    parts.arena.bytes(at, listBytes).set(state.subarray(from, from + listBytes))
  }
  return progress
}

function readProgress(bytes: Uint8Array): FullProgress {
  let head: Partial<FullProgress> | null
  try {
    head = JSON.parse(bytesToText(bytes))
  } catch {
    throw new TrainerStateError('its head is not JSON')
  }
  const { step, rowsSeen } = head ?? {}
  if (!Number.isSafeInteger(step) || step! < 0 || step! > 2 ** 30) throw new TrainerStateError('its step is impossible')
  if (!Number.isSafeInteger(rowsSeen) || rowsSeen! < 0) throw new TrainerStateError('its cursor is impossible')
  return { step: step!, rowsSeen: rowsSeen! }
}
