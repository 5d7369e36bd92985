/** The tree of a source, read once from beginning to end. */
import { createFileHasher, type FileTree, segmentBytes } from '@weightless/crypto'
import { AbortedError } from '@weightless/env'
import { type BlobSource, piecesOf } from './blobSource.ts'

/** @throws {AbortedError} {FileSizeInvalidError} and the source's */
export async function hashSource(
  source: BlobSource,
  onHashed: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<FileTree> {
  const hasher = createFileHasher()
  for await (const piece of piecesOf(source, 4 * segmentBytes)) {
    if (signal?.aborted) throw new AbortedError({ cause: signal.reason })
    hasher.update(piece)
    onHashed(piece.length)
  }
  return hasher.finish()
}
