/** The errors of the storage network's RPC, in its own words: clients match these strings. Spec: storage §6. */

/** One JSON-RPC error object. */
export type RpcFault = { readonly code: number; readonly message: string; readonly data?: string }

/** A named parameter is wrong. */
export function invalidParams(parameter: string, data: string): RpcFault {
  return { code: -32602, message: `Invalid params: ${parameter}`, data }
}

export function internalError(data: string): RpcFault {
  return { code: -32603, message: 'Internal error', data }
}

/** A refusal that the network's nodes send as bare text. */
export function callFailed(message: string): RpcFault {
  return { code: -32000, message }
}

export const parseError: RpcFault = { code: -32700, message: 'Parse error' }
export const invalidRequest: RpcFault = { code: -32600, message: 'Invalid request' }
export const methodMissing: RpcFault = { code: -32601, message: 'Method not found' }

export const alreadyFinalized = 'already uploaded and finalized'
export const alreadyUploaded = 'segment has already been uploaded or is being uploaded'

export const faults = {
  dataEmpty: callFailed('data is empty'),
  dataLength: callFailed('invalid data length'),
  rootMismatch: internalError('data root and tx seq not match'),
  fileSize: invalidParams('file_size', 'segment file size not matched with tx file size'),
  finalized: invalidParams('root', alreadyFinalized),
  pruned: invalidParams('root', 'already pruned'),
  cacheTooLarge: invalidParams('file_size', 'caching of large file when tx is unavailable is not supported'),
  cacheFull: internalError('exceed the maximum cached size'),
  uploaded: callFailed(alreadyUploaded),
  diskFull: internalError('disk is full'),
  chunkIndex: invalidParams('end_index', 'invalid chunk index'),
  chunkRange: invalidParams('end_index', 'exceeds maximum chunks'),
} as const
