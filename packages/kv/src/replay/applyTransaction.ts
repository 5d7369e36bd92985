/** Decides a transaction against the state before it: all of its rows, or none and the reason. Spec: kv §2. */
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import type { SortedEntry } from '@weightless/store'
import { atVersion, changeKey, escapeKey, packBytes, rowPrefix } from '../state/rowKeys.ts'
import type { StreamState } from '../state/streamState.ts'
import { encodeValueRef, type ValueRef } from '../state/valueRef.ts'
import {
  type Control,
  committed,
  controlDenied,
  controlTypes,
  type KeyRef,
  type TransactionOutline,
  tagsMismatch,
  versionConflict,
  writeDenied,
} from '../wire/index.ts'

export type Submission = {
  seq: number
  /** Of the EVM transaction; the event's own sender is chosen by the caller. */
  sender: Hex
  /** From the tags. */
  streamIds: readonly Hex[]
}

export type Prepared = { outline: TransactionOutline; values: readonly ValueRef[] }

export type Decision = { result: string; rows: readonly SortedEntry[] }

/** `isHeld` says whether this node follows a stream. */
export function applyTransaction(
  state: StreamState,
  submission: Submission,
  { outline, values }: Prepared,
  isHeld: (streamId: Hex) => boolean,
): Decision {
  const version = BigInt(submission.seq)
  const sender = hexToBytes(submission.sender)
  const tagged = new Set(submission.streamIds)
  // Nothing before it is newer than a version at or above its own.
  const conflicts = ({ streamId, key }: KeyRef): boolean =>
    outline.version < version && (state.find(streamId, key, version)?.version ?? 0n) > outline.version
  const mayWriteAll = rememberByStream(
    (streamId) => state.isNewStream(streamId, version) || state.isAdmin(sender, streamId, version),
  )

  for (const read of outline.reads) {
    if (!isHeld(bytesToHex(read.streamId))) return refuse(tagsMismatch)
    if (conflicts(read)) return refuse(versionConflict)
  }
  const rows = new Map<string, SortedEntry>()
  for (const [index, write] of outline.writes.entries()) {
    const { streamId, key } = write
    const name = bytesToHex(streamId)
    if (!tagged.has(name)) return refuse(tagsMismatch)
    if (conflicts(write)) return refuse(versionConflict)
    if (!mayWriteAll(name, streamId) && !state.hasWritePermission(sender, streamId, key, version)) {
      return refuse(writeDenied(name, key))
    }
    const row = atVersion(rowPrefix('value', streamId, escapeKey(key)), version)
    // Of two writes of one key the later one counts.
    rows.set(bytesToHex(row), { key: row, value: encodeValueRef(values[index]!) })
  }
  const controls = gatherControls(state, submission, outline.controls)
  for (const control of controls) {
    if (!tagged.has(bytesToHex(control.streamId))) return refuse(tagsMismatch)
    if (!isPermitted(state, control, sender, version)) return refuse(controlDenied(control, submission.sender))
  }
  const changes = changeRows(outline.writes, version)
  return { result: committed, rows: [...rows.values(), ...changes, ...roleRows(state, submission, controls, version)] }
}

function rememberByStream(ask: (streamId: Uint8Array) => boolean): (name: Hex, streamId: Uint8Array) => boolean {
  const known = new Map<Hex, boolean>()
  return (name, streamId) => {
    const answer = known.get(name) ?? ask(streamId)
    known.set(name, answer)
    return answer
  }
}

/** Which keys of each stream this transaction wrote, for those who follow it. */
function changeRows(writes: readonly KeyRef[], version: bigint): SortedEntry[] {
  const streams = new Map<Hex, Map<Hex, Uint8Array>>()
  for (const { streamId, key } of writes) {
    const name = bytesToHex(streamId)
    const keys = streams.get(name) ?? new Map<Hex, Uint8Array>()
    streams.set(name, keys.set(bytesToHex(key), key))
  }
  return [...streams].map(([name, keys]) => ({
    key: changeKey(hexToBytes(name), version),
    value: packBytes([...keys.values()]),
  }))
}

function refuse(result: string): Decision {
  return { result, rows: [] }
}

type Assigned = Control & { account: Uint8Array; isImplied?: true }

/**
 * The controls that count: of each kind, stream, key and account the last, but of grants of the admin role the first, and none
 * to oneself. Whoever touches a new stream is its admin, as if that had been granted before.
 */
function gatherControls(state: StreamState, submission: Submission, controls: readonly Control[]): Assigned[] {
  const { seq, streamIds } = submission
  const sender = hexToBytes(submission.sender)
  const counting = new Map<string, Assigned>()
  const nameOf = ({ kind, streamId, key, account }: Assigned): string => {
    const group = controlTypes[kind].type & 0xf0
    return [group, bytesToHex(streamId), key ? bytesToHex(key) : '', bytesToHex(account)].join()
  }
  for (const name of streamIds) {
    const streamId = hexToBytes(name)
    if (!state.isNewStream(streamId, BigInt(seq))) continue
    const implied: Assigned = { kind: 'grantAdmin', streamId, account: sender, isImplied: true }
    counting.set(nameOf(implied), implied)
  }
  for (const control of controls) {
    const assigned: Assigned = { ...control, account: control.account ?? sender }
    const name = nameOf(assigned)
    const isGrant = control.kind === 'grantAdmin'
    if (isGrant && (counting.has(name) || bytesToHex(assigned.account) === submission.sender)) continue
    counting.set(name, assigned)
  }
  return [...counting.values()]
}

function isPermitted(state: StreamState, control: Assigned, sender: Uint8Array, version: bigint): boolean {
  const { kind, streamId, key } = control
  const isAdmin = state.isNewStream(streamId, version) || state.isAdmin(sender, streamId, version)
  if (isAdmin || control.isImplied) return true
  if (kind === 'grantWriter') return state.isWriterOfStream(sender, streamId, version)
  if (kind === 'grantSpecialWriter') return state.isWriterOfKey(sender, streamId, key!, version)
  return kind === 'renounceAdmin' || kind === 'renounceWriter' || kind === 'renounceSpecialWriter'
}

function roleRows(
  state: StreamState,
  { streamIds }: Submission,
  controls: readonly Assigned[],
  version: bigint,
): SortedEntry[] {
  const rows: SortedEntry[] = controls.map((control) => roleRow(control, version))
  for (const name of streamIds) {
    const streamId = hexToBytes(name)
    if (state.isNewStream(streamId, version)) rows.push(row(rowPrefix('stream', streamId), true, version))
  }
  return rows
}

function roleRow({ kind, streamId, key, account }: Assigned, version: bigint): SortedEntry {
  switch (controlTypes[kind].type & 0xf0) {
    case 0x00:
      return row(rowPrefix('admin', streamId, account), kind === 'grantAdmin', version)
    case 0x10:
      return row(rowPrefix('specialKey', streamId, escapeKey(key!)), kind === 'setKeyToSpecial', version)
    case 0x20:
      return row(rowPrefix('writer', streamId, account), kind === 'grantWriter', version)
    default:
      return row(rowPrefix('keyWriter', streamId, account, escapeKey(key!)), kind === 'grantSpecialWriter', version)
  }
}

function row(prefix: Uint8Array, isSet: boolean, version: bigint): SortedEntry {
  return { key: atVersion(prefix, version), value: new Uint8Array([isSet ? 1 : 0]) }
}
