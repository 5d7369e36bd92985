/** What became of a transaction, in the words that clients of the network know. Spec: kv §2.5. */
import { bytesToHex, type Hex } from '@weightless/codec'
import type { Control, ControlKind, TransactionFault } from './transaction.ts'

export const committed = 'Commit'
export const versionConflict = 'VersionConfliction'
export const tagsMismatch = 'TagsMismatch'
export const dataUnavailable = 'DataUnavailable'
export const downloadFailed = 'DownloadFailed'

const parseReasons: { readonly [fault in TransactionFault | 'encrypted']: string } = {
  invalid: 'Invalid stream data',
  reads: 'Stream read list too long',
  writes: 'Stream write list too long',
  controls: 'Stream access_control list too long',
  'too-large': 'Stream data too large',
  encrypted: 'Encrypted stream data',
}

export function parseError(fault: TransactionFault | 'encrypted'): string {
  return `DataParseError: ${parseReasons[fault]}`
}

export function writeDenied(streamId: Hex, key: Uint8Array): string {
  return `WritePermissionDenied: stream: ${streamId}, key: ${shortKey(key)}`
}

const operations: { readonly [kind in ControlKind]: string } = {
  grantAdmin: 'GRANT_ADMIN_ROLE',
  renounceAdmin: 'RENOUNCE_ADMIN_ROLE',
  setKeyToSpecial: 'SET_KEY_TO_SPECIAL',
  setKeyToNormal: 'SET_KEY_TO_NORMAL',
  grantWriter: 'GRANT_WRITER_ROLE',
  revokeWriter: 'REVOKE_WRITER_ROLE',
  renounceWriter: 'RENOUNCE_WRITER_ROLE',
  grantSpecialWriter: 'GRANT_SPECIAL_WRITER_ROLE',
  revokeSpecialWriter: 'REVOKE_SPECIAL_WRITER_ROLE',
  renounceSpecialWriter: 'RENOUNCE_SPECIAL_WRITER_ROLE',
}

export function controlDenied({ kind, streamId, key, account }: Control, sender: Hex): string {
  const who = account ? bytesToHex(account) : sender
  const what = key ? shortKey(key) : '0x'
  return `AccessControlPermissionDenied: operation: ${operations[kind]}, stream: ${bytesToHex(streamId)}, key: ${what}, account: ${who}`
}

/** What a user can do about it. */
export type ResultKind = 'committed' | 'conflict' | 'denied' | 'unavailable' | 'malformed'

/** Undefined for words that nobody says. */
export function kindOfResult(result: string): ResultKind | undefined {
  if (result === committed) return 'committed'
  if (result === versionConflict) return 'conflict'
  if (result === dataUnavailable || result === downloadFailed) return 'unavailable'
  if (result === tagsMismatch || result.startsWith('DataParseError')) return 'malformed'
  return /PermissionDenied|SenderNoWritePermission/.test(result) ? 'denied' : undefined
}

/** Keys may have megabytes; a result names the first bytes. */
function shortKey(key: Uint8Array): string {
  return key.length <= 64 ? bytesToHex(key) : `${bytesToHex(key.subarray(0, 64))}…`
}
