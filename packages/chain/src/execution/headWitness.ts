/**
 * Remembers, outside the logs, how far the chain was acknowledged. The logs cut a damaged last record as a torn write;
 * this file tells the two apart: what it names was synced before it was written, so it may not be missing.
 *
 * Form: two slots of 64 bytes at 0 and 4096, written in turn: [8 sequence, 8 block number, 32 block hash, 16 check
 * (the first half of the keccak256 of the rest)]. A torn write spoils one slot only.
 */
import { bytesEqual, bytesToUint, concatBytes, uintToBytes } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import type { Disk, Log } from '@weightless/env'

export type HeadWitness = {
  /** Undefined in a new folder. */
  last(): { number: number; hash: Uint8Array } | undefined
  /** Call only after the block is durable. Not synced: it may lag, never lead. */
  note(number: number, hash: Uint8Array): void
  /** The same and synced; before the chain is taken back. */
  noteDurably(number: number, hash: Uint8Array): Promise<void>
  close(): Promise<void>
}

const fileName = 'head'
const slotBytes = 64
const slotGapBytes = 4096

export async function openHeadWitness(disk: Disk, log: Log): Promise<HeadWitness> {
  const file = await disk.open(fileName, 'create')
  const size = await file.size()
  const slots = [await file.read(0, slotBytes), await file.read(slotGapBytes, slotBytes)].map(readSlot)
  const newest = slots.reduce(
    (best, slot) => (slot && (!best || slot.sequence > best.sequence) ? slot : best),
    undefined,
  )
  // A power cut may tear what was never synced. The logs check themselves; only their very last record loses its witness.
  if (size > 0 && newest === undefined) log.warn('head file unreadable', { file: fileName })
  let sequence = newest?.sequence ?? 0
  let last = newest
  function note(number: number, hash: Uint8Array): void {
    sequence++
    const fields = concatBytes([uintToBytes(BigInt(sequence), 8), uintToBytes(BigInt(number), 8), hash])
    file.writeSync((sequence % 2) * slotGapBytes, concatBytes([fields, keccak256(fields).subarray(0, 16)]))
    last = { sequence, number, hash }
  }
  return {
    last: () => last,
    note,
    async noteDurably(number, hash) {
      note(number, hash)
      await file.sync()
    },
    async close() {
      await file.sync()
      await file.close()
    },
  }
}

function readSlot(slot: Uint8Array): { sequence: number; number: number; hash: Uint8Array } | undefined {
  if (slot.length < slotBytes) return undefined
  const fields = slot.subarray(0, 48)
  if (!bytesEqual(keccak256(fields).subarray(0, 16), slot.subarray(48, 64))) return undefined
  return {
    sequence: Number(bytesToUint(fields.subarray(0, 8))),
    number: Number(bytesToUint(fields.subarray(8, 16))),
    hash: fields.slice(16, 48),
  }
}
