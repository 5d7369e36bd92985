/** The tree of a source, read once from beginning to end; a long one is hashed by the workers that there are. */
import { closeFileTree, createFileHasher, type FileTree, fileShape, segmentBytes } from '@weightless/crypto'
import { AbortedError, type Tasks } from '@weightless/env'
import { type BlobSource, ownPiece, piecesOf } from './blobSource.ts'
import { runParallel } from './runParallel.ts'

const taskModule = new URL('./hashPieceTask.ts', import.meta.url)
const pieceSegments = 16
/** What is shorter is hashed before a worker has started. */
const sharedSegmentsMin = 2 * pieceSegments

export type HashOptions = { signal?: AbortSignal | undefined; tasks?: Pick<Tasks, 'run' | 'workersMax'> | undefined }

/** @throws {AbortedError} {FileSizeInvalidError} and the source's */
export function hashSource(
  source: BlobSource,
  onHashed: (bytes: number) => void,
  { signal, tasks }: HashOptions = {},
): Promise<FileTree> {
  const isShared = tasks && source.sizeBytes > sharedSegmentsMin * segmentBytes
  return isShared ? hashInWorkers(tasks, source, onHashed, signal) : hashHere(source, onHashed, signal)
}

async function hashHere(
  source: BlobSource,
  onHashed: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<FileTree> {
  const hasher = createFileHasher()
  for await (const piece of piecesOf(source, 4 * segmentBytes)) {
    if (signal?.aborted) throw new AbortedError({ cause: signal.reason })
    hasher.update(piece)
    onHashed(piece.length)
  }
  return hasher.finish()
}

/** Some pieces at once; the last segment, whose padding depends on the size, is hashed here. */
async function hashInWorkers(
  tasks: Pick<Tasks, 'run' | 'workersMax'>,
  source: BlobSource,
  onHashed: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<FileTree> {
  const shape = fileShape(source.sizeBytes)
  const whole = shape.segments - 1
  const roots: Uint8Array[] = []
  const pieces = [...Array(Math.ceil(whole / pieceSegments)).keys()]
  await runParallel(pieces, tasks.workersMax + 1, async (piece) => {
    if (signal?.aborted) throw new AbortedError({ cause: signal.reason })
    const first = piece * pieceSegments
    const count = Math.min(pieceSegments, whole - first)
    const bytes = ownPiece(source, await source.read(first * segmentBytes, count * segmentBytes))
    const hashed = await tasks.run<Uint8Array>(taskModule, bytes, [bytes.buffer])
    for (let i = 0; i < count; i++) roots[first + i] = hashed.subarray(32 * i, 32 * i + 32)
    onHashed(count * segmentBytes)
  })
  const last = await source.read(whole * segmentBytes, source.sizeBytes - whole * segmentBytes)
  const tree = closeFileTree(shape, roots, last)
  onHashed(last.length)
  return tree
}
