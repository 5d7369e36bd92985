export { KeyValueRefusedError } from './callKeyValue.ts'
export {
  type Batch,
  createKeyValueClient,
  type KeyValueClient,
  type KeyValueClientOptions,
  KeyValueReadOnlyError,
} from './createKeyValueClient.ts'
export { type Entry, ValueTooLargeError } from './readEntry.ts'
export type { Change } from './watchStream.ts'
export { type Committed, DecisionOverdueError, type TaggedStore, type WriteFault } from './writeTransaction.ts'
