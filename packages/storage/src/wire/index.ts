export {
  checkFragment,
  checkFragmentForm,
  checkFragmentSegment,
  type FragmentFault,
  hasRow,
  provedSegment,
  rowBytesOf,
  stripesOf,
} from './checkFragment.ts'
export { choosePlacement, defaultRedundancy, type Redundancy, rankNodes } from './choosePlacement.ts'
export { encodeDirectory } from './encodeDirectory.ts'
export {
  type ExpectedReward,
  expectReward,
  type MinerPlan,
  MinerPlanInvalidError,
  type NetworkState,
} from './expectReward.ts'
export type { FileLocation } from './fileLocation.ts'
export {
  decodeFragmentFrame,
  encodeFragmentFrame,
  encodeFragmentHead,
  type FragmentFrame,
  fragmentFrameBytesMax,
  fragmentFramesType,
  fragmentFrameType,
} from './fragmentFrame.ts'
export { type NodeRecord, readNodeRecord, signNodeRecord } from './nodeRecord.ts'
export { type MiningJson, type NodeStatusJson, readNodeStatus } from './nodeStatus.ts'
export {
  type Placement,
  type PlacementStage,
  placementDigest,
  placementStage,
  readPlacement,
  rowsMax,
  type SignedPlacement,
  signPlacement,
  supersedes,
  vouching,
} from './placement.ts'
export { type OtherSectorProof, proveOtherSector } from './proveOtherSector.ts'
export {
  type DirectoryNode,
  directoryBytesMax,
  findEntry,
  readDirectory,
} from './readDirectory.ts'
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
  type SnapshotJson,
  type StatusJson,
  type TransactionJson,
} from './rpcShapes.ts'
export {
  decodeSegmentFrame,
  encodeSegmentFrame,
  type SegmentFrame,
  segmentFrameBytesMax,
  segmentFrameParts,
  segmentFrameType,
} from './segmentFrame.ts'
export {
  digestFrame,
  type FragmentName,
  type FrameDigest,
  framePieces,
  frameTree,
  isShownBy,
  shownHeader,
  shownMessage,
  signShown,
} from './shownFragment.ts'
