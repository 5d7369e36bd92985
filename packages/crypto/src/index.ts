export { type AesCtr, aesCtr, setAesCtr } from './aesCtr.ts'
export { checkSegment, checkSegmentPath, positionOf, rootOf, type SegmentFault } from './checkSegment.ts'
export { type Ed25519, ed25519PublicKey, ed25519Sign, ed25519Verify, setEd25519 } from './ed25519.ts'
export { type AbiEncoder, type AbiType, compileAbi } from './encodeAbi.ts'
export {
  contentNonce,
  decodeEncryptionHeader,
  type EncryptionHeader,
  EncryptionKeyInvalidError,
  encodeEncryptionHeader,
  encryptionHeaderBytesMax,
  encryptionPublicKey,
  privateFileKey,
  privateFileMessage,
  sharedFileKey,
} from './fileEncryption.ts'
export {
  type FileShape,
  FileSizeInvalidError,
  fileBytesMax,
  fileShape,
  nodeHeights,
  powerOfTwoFrom,
  segmentBytes,
  segmentDataBytes,
  segmentPaddedSectors,
  segmentSectors,
} from './fileShape.ts'
export {
  closeFileTree,
  createFileHasher,
  type FileHasher,
  type FileTree,
  fileRoot,
  fileTree,
  fileTreeFromRoots,
  type RangeSource,
  rootOfSource,
  type SegmentProof,
  segmentProof,
  submissionIdentity,
  treeOfSource,
  zeroSegment,
} from './fileTree.ts'
export { createFlowTree, FlowPositionError, type FlowTree } from './flowTree.ts'
export { buildHashTree, type HashTree, hashLeaf, hashNode, hashTreePath, hashTreeRoot, levelAbove } from './hashTree.ts'
export { setKeccakEngine } from './keccakEngine.ts'
export { hashPair, keccak256, sectorBytes } from './keccakKernel.ts'
export type { KeccakEngine } from './keccakPort.ts'
export { buildTree, leafOf, type MerklePath, type MerkleTree, pathOf, treeRoot } from './merkleTree.ts'
export { type NistCurve, type NistEcdsa, nistPublicKey, nistSign, nistVerify, setNistEcdsa } from './nistEcdsa.ts'
export {
  growPads,
  hitsOf,
  loadSeals,
  type NoncePad,
  type PoraEngine,
  type PuzzleSeed,
  padSeedOf,
  qualitiesOf,
  type RecallRange,
  recallLoad,
  recallRange,
  recallRangeDigest,
  type SealTag,
  scaledTarget,
  sealBytes,
  sealInPlace,
  sealSectors,
  setPoraEngine,
  shardMaskOf,
  unsealInPlace,
} from './pora.ts'
export { openProven, type ProvenSource, SegmentDamagedError, SegmentRootsForeignError } from './provenSource.ts'
export {
  accountOf,
  type RecoverableSignature,
  recoverAccount,
  type Secp256k1,
  secp256k1Engine,
  secp256k1PublicKey,
  secp256k1Recover,
  secp256k1Sign,
  setSecp256k1,
} from './secp256k1.ts'
export { foldNodes, segmentNodes, segmentRoot, type TreeNode } from './segmentRoot.ts'
export { createSha256, type Hasher, type Sha256Stream, setHasher, sha256 } from './sha256.ts'
export { compileTypedData, type TypedField, type TypedHasher } from './typedData.ts'
export { type LateVerifier, verifyTogether } from './verifyTogether.ts'
export {
  type VrfCurve,
  type VrfOutput,
  type VrfWitness,
  vrfProve,
  vrfPublicKey,
  vrfVerify,
  vrfWitness,
} from './vrf.ts'
export { zeroRoot } from './zeroRoots.ts'
