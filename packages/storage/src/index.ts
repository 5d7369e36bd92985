export type { HolderOptions } from './holder/holderOptions.ts'
export { type Holder, openHolder } from './holder/openHolder.ts'
export { type HolderListenOptions, type HolderService, startHolder } from './holder/startHolder.ts'
export { type Indexer, type IndexerOptions, openIndexer } from './indexer/indexer.ts'
export { describeMining } from './mining/describeMining.ts'
export { MinerIdMissingError } from './mining/minerIdentity.ts'
export { type Mining, type MiningOptions, type MiningStatus, startMining } from './mining/startMining.ts'
export { createFlowSource, type FlowSource, type FlowStep } from './node/flowSource.ts'
export { openStorageNode, type StorageNode, type StorageNodeOptions } from './node/storageNode.ts'
export type { Submission, SubmitEvent } from './node/submission.ts'
export type { PeerJoin } from './peers/peerJoin.ts'
export {
  type ListenOptions,
  type StorageService,
  startIndexer,
  startStorage,
  startStorageNode,
} from './startStorage.ts'
