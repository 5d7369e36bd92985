/**
 * Everything the next step depends on as bytes, and one root over them: options, program, step, cursor and digest of the data, weights
 * and both moments. Spec: spec/training.md §6.
 */
import {
  bytesEqual,
  bytesToHex,
  bytesToText,
  concatBytes,
  type Hex,
  textToBytes,
  WeightlessError,
} from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { stepRoot } from '../trace/stepRoot.ts'
import type { TokenRow } from './forwardPass.ts'
import type { Trainer, TrainProgress } from './loraTraining.ts'

const magic = textToBytes('WLL1')
const headBytesMax = 1 << 16
const leafBytes = 4096

export function encodeState(trainer: Trainer): Uint8Array {
  const { lora, model } = trainer
  const head = headBytes(trainer)
  const length = new Uint8Array(Uint32Array.of(head.length).buffer)
  const lists = [lora.values, lora.means, lora.powers]
  return concatBytes([magic, length, head, ...lists.map((at) => model.parts.arena.bytes(at, lora.length * 4))])
}

/** Fixed fields first, in this order; the options decide the bits of what follows. */
function headBytes({ options, model, progress, lora }: Trainer): Uint8Array {
  const { seed32, ...rest } = options
  const settings = Object.fromEntries(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)))
  const head = {
    version: 1,
    program: model.programId,
    ...progress,
    values: lora.length,
    seed: bytesToHex(seed32),
    settings,
  }
  return textToBytes(JSON.stringify(head))
}

/** Root of RFC 6962 over pieces of 4,096 bytes. */
export function stateRoot(state: Uint8Array): Hex {
  const leaves: Uint8Array[] = []
  for (let at = 0; at < state.length; at += leafBytes) leaves.push(state.subarray(at, at + leafBytes))
  return bytesToHex(stepRoot(leaves))
}

/** Puts weights and moments in place. @throws {TrainerStateError} before anything is changed */
export function decodeState(trainer: Trainer, state: Uint8Array): TrainProgress {
  const { lora, model } = trainer
  if (state.length < 8 || !bytesEqual(state.subarray(0, 4), magic)) throw new TrainerStateError('it is not a state')
  const length = new DataView(state.buffer, state.byteOffset, 8).getUint32(4, true)
  if (length > headBytesMax || 8 + length > state.length) throw new TrainerStateError('its head is too long')
  const progress = parseProgress(state.subarray(8, 8 + length))
  const expected = headBytes({ ...trainer, progress })
  if (!bytesEqual(expected, state.subarray(8, 8 + length)))
    throw new TrainerStateError('its options or model are others')
  const listBytes = lora.length * 4
  if (state.length !== 8 + length + 3 * listBytes) throw new TrainerStateError('it has not the size of its weights')
  for (const [i, at] of [lora.values, lora.means, lora.powers].entries()) {
    const from = 8 + length + i * listBytes
    model.parts.arena.bytes(at, listBytes).set(state.subarray(from, from + listBytes))
  }
  return progress
}

function parseProgress(bytes: Uint8Array): TrainProgress {
  let head: Partial<TrainProgress> | null
  try {
    head = JSON.parse(bytesToText(bytes))
  } catch {
    throw new TrainerStateError('its head is not JSON')
  }
  const { step, rowsSeen, dataDigest } = head ?? {}
  if (!Number.isSafeInteger(step) || step! < 0 || step! > 2 ** 30) throw new TrainerStateError('its step is impossible')
  if (!Number.isSafeInteger(rowsSeen) || rowsSeen! < 0) throw new TrainerStateError('its cursor is impossible')
  if (!/^0x[0-9a-f]{64}$/.test(String(dataDigest))) throw new TrainerStateError('its digest is impossible')
  return { step: step!, rowsSeen: rowsSeen!, dataDigest: dataDigest! }
}

/** The digest of data before any batch; with a batch, SHA-256 over the digest so far and, per row, its length, tokens and mask as u32 little-endian. */
export function digestBatch(before?: Hex, rows: readonly TokenRow[] = []): Hex {
  if (before === undefined) return bytesToHex(sha256(textToBytes('weightless/training-data/1')))
  const words = rows.flatMap(({ tokens, mask }) => [tokens.length, ...tokens, ...mask])
  return bytesToHex(sha256(concatBytes([textToBytes(before), new Uint8Array(Uint32Array.from(words).buffer)])))
}

export class TrainerStateError extends WeightlessError {
  constructor(reason: string) {
    super(
      'tensor/trainer-state',
      `The saved training cannot go on here: ${reason}.`,
      {},
      {
        hint: 'Open the trainer with the model and options that the state was saved with.',
      },
    )
  }
}
