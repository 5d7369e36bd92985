/** What stands before each record's bytes in the log, name (20) | index u64, and what the parts of a record store share. */
import { bytesToHex, bytesToUint, hexToBytes, uintToBytes } from '@weightless/codec'
import type { Disk } from '@weightless/env'
import type { SegmentLog } from '../segmentLog.ts'
import type { DiskRoom } from './diskRoom.ts'
import type { RecordIndex } from './recordIndex.ts'
import type { StagedStore } from './stagedStore.ts'

export type RecordParts = {
  disk: Disk
  records: SegmentLog
  index: RecordIndex
  staged: StagedStore
  room: DiskRoom
  reserveBytes: number
  fileBytesMax: number
}

export const keyBytes = 28

export function encodeKey(name: string, index: number): Uint8Array {
  const bytes = new Uint8Array(keyBytes)
  bytes.set(hexToBytes(`0x${name}`))
  bytes.set(uintToBytes(BigInt(index), 8), 20)
  return bytes
}

export function decodeKey(payload: Uint8Array): { name: string; at: number } {
  return { name: bytesToHex(payload.subarray(0, 20)).slice(2), at: Number(bytesToUint(payload.subarray(20, keyBytes))) }
}
