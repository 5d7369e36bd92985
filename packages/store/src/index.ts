export { type KeyValue, type KeyValueOptions, openKeyValue } from './keyValue.ts'
export type { Change } from './keyValueRecords.ts'
export {
  type NodeEntry,
  NodeKeyInvalidError,
  type NodeStore,
  type NodeStoreOptions,
  openNodeStore,
} from './nodeStore.ts'
export { isPlanted, type PlantedBug, plantBug } from './plantedBugs.ts'
export { openRecordStore, type RecordStore, type RecordStoreOptions } from './records/recordStore.ts'
export type { StagedStore } from './records/stagedStore.ts'
export { LogCorruptError } from './scanSegment.ts'
export { LogFailedError, openSegmentLog, PositionInvalidError, type SegmentLog } from './segmentLog.ts'
export type { SegmentLogOptions } from './segmentLogOptions.ts'
export { compareKeys, type SortedEntry } from './sorted/sortedEntry.ts'
export {
  openSortedStore,
  type SortedRange,
  type SortedStore,
  SortedStoreFullError,
  type SortedStoreOptions,
} from './sorted/sortedStore.ts'
