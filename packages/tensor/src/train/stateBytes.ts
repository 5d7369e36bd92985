/** The form of a saved training: four bytes that say which, the head with its length before it, and three lists of numbers. Spec: spec/training.md §6, §8.5. */
import { bytesEqual, bytesToText, concatBytes, WeightlessError } from '@weightless/codec'
import type { Arena } from '../kernels/loadKernels.ts'

/** Addresses of values and both moments, each of `length` f32. */
export type StateLists = { values: number; means: number; powers: number; length: number }

const headBytesMax = 1 << 16

export function writeState(magic: Uint8Array, head: Uint8Array, arena: Arena, lists: StateLists): Uint8Array {
  const length = new Uint8Array(Uint32Array.of(head.length).buffer)
  return concatBytes([magic, length, head, ...addressesOf(lists).map((at) => arena.bytes(at, lists.length * 4))])
}

/** @throws {TrainerStateError} */
export function splitState(magic: Uint8Array, state: Uint8Array): { head: Uint8Array; numbers: Uint8Array } {
  if (state.length < 8 || !bytesEqual(state.subarray(0, 4), magic)) throw new TrainerStateError('it is not a state')
  const length = new DataView(state.buffer, state.byteOffset, 8).getUint32(4, true)
  if (length > headBytesMax || 8 + length > state.length) throw new TrainerStateError('its head is too long')
  return { head: state.subarray(8, 8 + length), numbers: state.subarray(8 + length) }
}

/** Puts the lists in place. @throws {TrainerStateError} before anything is changed */
export function placeNumbers(numbers: Uint8Array, arena: Arena, lists: StateLists): void {
  const listBytes = lists.length * 4
  if (numbers.length !== 3 * listBytes) throw new TrainerStateError('it has not the size of its weights')
  for (const [i, at] of addressesOf(lists).entries()) {
    arena.bytes(at, listBytes).set(numbers.subarray(i * listBytes, (i + 1) * listBytes))
  }
}

/** What each head says of how far the training is, and whatever else is in it, unchecked. @throws {TrainerStateError} */
export function readHead(head: Uint8Array): { step: number; rowsSeen: number; [name: string]: unknown } {
  let json: { step?: unknown; rowsSeen?: unknown } | null
  try {
    json = JSON.parse(bytesToText(head))
  } catch {
    throw new TrainerStateError('its head is not JSON')
  }
  const { step, rowsSeen, ...rest } = json ?? {}
  if (!isCount(step) || step > 2 ** 30) throw new TrainerStateError('its step is impossible')
  if (!isCount(rowsSeen)) throw new TrainerStateError('its cursor is impossible')
  return { ...rest, step, rowsSeen }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const addressesOf = ({ values, means, powers }: StateLists): number[] => [values, means, powers]

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
