/** What this browser knows of the user's files beside the chain: names, which are nobody else's business. */
import type { Hex } from '@weightless/codec'
import { useSyncExternalStore } from 'react'

export type FileRecord = {
  root: Hex
  name: string
  sizeBytes: number
  /** Absent in records of before there were private files. */
  isPrivate?: boolean
  storedAtMs: number
  txHash?: Hex
  feeWei?: string
  segments?: number
}

const storageKey = 'weightless.files'
const recordsMax = 500
let records: readonly FileRecord[] = read()
const listeners = new Set<() => void>()

export function useFileRecords(): readonly FileRecord[] {
  return useSyncExternalStore(subscribe, () => records)
}

export function keepFileRecord(record: FileRecord): void {
  write([record, ...records.filter((each) => each.root !== record.root)].slice(0, recordsMax))
}

function write(next: readonly FileRecord[]): void {
  records = next
  localStorage.setItem(storageKey, JSON.stringify(next))
  for (const listener of listeners) listener()
}

function read(): readonly FileRecord[] {
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(storageKey) ?? '[]')
    return Array.isArray(parsed) ? (parsed as FileRecord[]).filter((each) => typeof each?.root === 'string') : []
  } catch {
    // A broken record loses names, never files: the chain still lists them.
    return []
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
