/** Seals and unseals the data of one file segment, off the event loop: a keccak chain for every 4 KiB. Spec: mining §2. */
import { type SealTag, sealInPlace, unsealInPlace } from '@weightless/crypto'

export type SealRequest = {
  /** Whole seals; changed in place and given back. */
  bytes: Uint8Array
  /** Of the first seal; `startSector` is its place in the flow. */
  tag: SealTag
  isUnsealing: boolean
}

/** A module for `Env.tasks`: its output is the input's bytes. */
export default function runSealing({ bytes, tag, isUnsealing }: SealRequest): { bytes: Uint8Array } {
  if (isUnsealing) unsealInPlace(bytes, tag)
  else sealInPlace(bytes, tag)
  return { bytes }
}

/** The bytes move back as they moved in. */
export const transferOf = ({ bytes }: { bytes: Uint8Array<ArrayBuffer> }): ArrayBuffer[] => [bytes.buffer]

/** Where the task's module lies. */
export const sealingModule = new URL(import.meta.url)
