export {
  alreadyFinalized,
  alreadyUploaded,
  callFailed,
  faults,
  internalError,
  invalidParams,
  invalidRequest,
  methodMissing,
  parseError,
  type RpcFault,
} from './rpcFault.ts'
export {
  type FileInfoJson,
  type ProofJson,
  protocolVersion,
  type SegmentWithProofJson,
  type ShardConfigJson,
  type ShardedNodeJson,
  type ShardedNodesJson,
  type StatusJson,
  type TransactionJson,
} from './rpcShapes.ts'
export {
  decodeSegmentFrame,
  encodeSegmentFrame,
  type SegmentFrame,
  segmentFrameBytesMax,
  segmentFrameType,
} from './segmentFrame.ts'
