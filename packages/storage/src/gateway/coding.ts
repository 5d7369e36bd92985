/** What a gateway needs of the client of coded storage: to spread a file, and to read one that is spread. Spec: storage §13. */
import type { BlobSource } from '@weightless/blobs'
import type { FileTree } from '@weightless/crypto'
import type { NodeRecord, Redundancy, SegmentFrame, SignedPlacement } from '../wire/index.ts'

export type SpreadWish = {
  source: BlobSource
  file: FileTree
  startSegment: number
  redundancy: Redundancy
  nodes: readonly NodeRecord[]
}

export type SpreadOptions = {
  signal: AbortSignal
  /** Nodes to look for replacements among. */
  listNodes(): Promise<readonly NodeRecord[]>
  publish(placement: SignedPlacement): Promise<void>
}

export type CodingClient = {
  /** Resolves with the final placement when it has been published; what holders have is not sent again. */
  spread(wish: SpreadWish, options: SpreadOptions): Promise<SignedPlacement>
  /** Segments `[from, to)` in order, each proved against the root, decoded where holders are gone. */
  gather(placement: SignedPlacement, nodes: readonly NodeRecord[]): GatheredFile
}

export type GatheredFile = {
  segment(index: number, signal?: AbortSignal): Promise<SegmentFrame>
  stream(from: number, to: number, signal?: AbortSignal): AsyncIterable<Uint8Array>
}
