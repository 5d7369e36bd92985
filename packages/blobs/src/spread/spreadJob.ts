/** What is to be spread: a file, where it begins in the flow, over which nodes. */
import type { FileTree } from '@weightless/crypto'
import type { NodeRecord, Redundancy } from '@weightless/storage/wire'
import type { BlobSource } from '../blobSource.ts'

export type SpreadJob = {
  source: BlobSource
  file: FileTree
  /** Where the file begins in the flow, in segments (`startEntryIndex / 1024`). While it is awaited, stripes are coded already. */
  submission: { startSegment: number } | Promise<{ startSegment: number }>
  redundancy: Redundancy
  /** Live nodes of the network, at least as many as rows. */
  nodes: readonly NodeRecord[]
}
