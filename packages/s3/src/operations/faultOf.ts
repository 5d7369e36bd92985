/** Which S3 error a fault of ours is told as: what the client can do about it decides. */
import { WeightlessError } from '@weightless/codec'
import type { FaultCode } from '../faultCodes.ts'

const codes: { readonly [code: string]: FaultCode } = {
  'env/disk-full': 'InsufficientStorage',
  's3/spool-full': 'InsufficientStorage',
  'env/body-too-large': 'EntityTooLarge',
  'env/network': 'ServiceUnavailable',
  'env/aborted': 'ServiceUnavailable',
  'ledger/insufficient-funds': 'AccountProblem',
  'ledger/read-only': 'AccountProblem',
  'blobs/blob-unpaid': 'AccountProblem',
  'ledger/pending': 'ServiceUnavailable',
  'ledger/unreachable': 'ServiceUnavailable',
  'blobs/blob-stalled': 'ServiceUnavailable',
  'blobs/storage-unavailable': 'ServiceUnavailable',
  'blobs/blob-missing': 'ServiceUnavailable',
  'blobs/blob-unreadable': 'ServiceUnavailable',
}

export function faultOf(fault: unknown): FaultCode {
  if (!(fault instanceof WeightlessError)) return 'InternalError'
  if (fault.code === 'blobs/segment-refused' && /disk is full/i.test(fault.message)) return 'InsufficientStorage'
  return codes[fault.code] ?? 'InternalError'
}
