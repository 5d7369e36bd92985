/**
 * Everything the next step depends on as bytes, and one root over them: options, program, step, cursor and digest of the data, weights
 * and both moments. Spec: spec/training.md §6.
 */
import { bytesEqual, bytesToHex, concatBytes, type Hex, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { hashState, stateRootOf } from './commitState.ts'
import type { TokenRow } from './forwardPass.ts'
import type { LoraOptions } from './loraOptions.ts'
import type { Trainer, TrainProgress } from './loraTraining.ts'
import { placeNumbers, readHead, splitState, TrainerStateError, writeState } from './stateBytes.ts'

const magic = textToBytes('WLL1')

/** What a head is made of, beside the progress. */
export type LoraHeadFacts = {
  programId: Hex
  options: LoraOptions
  /** Values of a list. */
  values: number
}

export function encodeState(trainer: Trainer): Uint8Array {
  return writeState(magic, headBytes(trainer), trainer.model.parts.arena, trainer.lora)
}

function headBytes({ options, model, progress, lora }: Trainer): Uint8Array {
  return encodeLoraHead({ programId: model.programId, options, values: lora.length }, progress)
}

/** Fixed fields first, in this order; the options decide the bits of what follows. */
export function encodeLoraHead({ programId, options, values }: LoraHeadFacts, progress: TrainProgress): Uint8Array {
  const { seed32, ...rest } = options
  const settings = Object.fromEntries(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)))
  const { step, rowsSeen, dataDigest } = progress
  const place = { step, rowsSeen, dataDigest }
  const head = { version: 2, program: programId, ...place, values, seed: bytesToHex(seed32), settings }
  return textToBytes(JSON.stringify(head))
}

export function loraStateHash(trainer: Trainer): Hex {
  const { model, lora, tree } = trainer
  return stateRootOf(headBytes(trainer), hashState(model.parts, lora, tree))
}

/** Puts weights and moments in place. @throws {TrainerStateError} before anything is changed */
export function decodeState(trainer: Trainer, state: Uint8Array): TrainProgress {
  const { head, numbers } = splitState(magic, state)
  const progress = parseProgress(head)
  if (!bytesEqual(headBytes({ ...trainer, progress }), head))
    throw new TrainerStateError('its options or model are others')
  placeNumbers(numbers, trainer.model.parts.arena, trainer.lora)
  return progress
}

function parseProgress(bytes: Uint8Array): TrainProgress {
  const { step, rowsSeen, dataDigest } = readHead(bytes)
  if (!/^0x[0-9a-f]{64}$/.test(String(dataDigest))) throw new TrainerStateError('its digest is impossible')
  return { step, rowsSeen, dataDigest: dataDigest as Hex }
}

/** The digest of data before any batch; with a batch, SHA-256 over the digest so far and, per row, its length, tokens and mask as u32 little-endian. */
export function digestBatch(before?: Hex, rows: readonly TokenRow[] = []): Hex {
  if (before === undefined) return bytesToHex(sha256(textToBytes('weightless/training-data/1')))
  return bytesToHex(sha256(concatBytes([textToBytes(before), batchBytes(rows)])))
}

/** Rows as their digest takes them in. */
export function batchBytes(rows: readonly TokenRow[]): Uint8Array {
  const words = rows.flatMap(({ tokens, mask }) => [tokens.length, ...tokens, ...mask])
  return new Uint8Array(Uint32Array.from(words).buffer)
}
