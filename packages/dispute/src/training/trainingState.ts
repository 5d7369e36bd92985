/** Weights and moments between two steps of a training, and the root that commits to them. Spec: spec/training.md §8.5. */
import { concatBytes, hexToBytes } from '@weightless/codec'
import { stateRootOf, topOf } from '@weightless/tensor/train/commitState'
import { digestChunks } from './chunkDigests.ts'

/** Values, first and second moments, each one list over all tensors. */
export type TrainingState = { p: Float32Array; m: Float32Array; v: Float32Array }

/** Opens a state as far as a referee needs: hashes of all its pieces, side by side. */
export function pieceDigests({ p, m, v }: TrainingState): Uint8Array {
  return concatBytes([p, m, v].map(digestChunks))
}

/** @param head - bytes of the state's head */
export function rootOfPieces(head: Uint8Array, digests: Uint8Array): Uint8Array {
  return rootOfTop(head, topOf(digests))
}

export function rootOfTop(head: Uint8Array, top: Uint8Array): Uint8Array {
  return hexToBytes(stateRootOf(head, top))
}

/** The lists of a state as `FullTrainer.state()` writes it. */
export function readState(bytes: Uint8Array): TrainingState {
  const head = new DataView(bytes.buffer, bytes.byteOffset, 8).getUint32(4, true)
  const lists = new Float32Array(bytes.slice(8 + head).buffer)
  const [p, m, v] = [0, 1, 2].map((i) => lists.slice((i * lists.length) / 3, ((i + 1) * lists.length) / 3))
  return { p: p!, m: m!, v: v! }
}
