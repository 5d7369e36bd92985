/** Where the weights of a check come from: a file of the user, this browser, or the storage network, each checked against its root. */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import { createFileHasher, openProven, type ProvenSource } from '@weightless/crypto'
import type { Client } from '@weightless/sdk'
import type { CheckProgress, HashedFile, LocalWeights, WeightsFrom } from './checkMessages.ts'
import { blobSource, keepWeights, openKept } from './weightStore.ts'

export type FoundWeights = { weights: ProvenSource | Uint8Array; from: WeightsFrom }

export type WeightsMeans = {
  local: LocalWeights | undefined
  /** Without it the network is not asked. */
  client: Client | undefined
  report(stage: CheckProgress['stage'], done?: number, total?: number): void
  /** Told of a file that had to be hashed, so that the next check need not. */
  onHashed(hashed: HashedFile): void
}

/** @throws {WeightsAbsentError} */
export async function openWeights(root: Hex, means: WeightsMeans): Promise<FoundWeights> {
  const { local, client, report } = means
  if (local) return { weights: await openLocal(local, means), from: 'file' }
  report('kept')
  const kept = await openKept(root)
  if (kept) return { weights: kept, from: 'kept' }
  if (!client) throw new WeightsAbsentError({ root })
  report('loading')
  const taken = await keepWeights(
    root,
    () => client.files.open(root, { isRaw: true }),
    (done, total) => report('loading', done, total),
  )
  if (taken) return { weights: taken, from: 'network' }
  const bytes = await client.files.download(root, {
    isRaw: true,
    onProgress: ({ doneBytes, totalBytes }) => report('loading', doneBytes, totalBytes),
  })
  return { weights: bytes, from: 'network' }
}

const pieceBytes = 4 * 1024 * 1024

async function openLocal({ file, hashed }: LocalWeights, { report, onHashed }: WeightsMeans): Promise<ProvenSource> {
  const source = blobSource(file)
  const known = hashed ?? (await hashFile(source, report))
  if (!hashed) onHashed(known)
  // What changes on disk meanwhile is not what was hashed; each segment is compared as it is read.
  return openProven(known.root, known.segmentRoots, source)
}

async function hashFile(
  { sizeBytes, read }: ReturnType<typeof blobSource>,
  report: WeightsMeans['report'],
): Promise<HashedFile> {
  const hasher = createFileHasher()
  for (let at = 0; at < sizeBytes; at += pieceBytes) {
    hasher.update(await read(at, Math.min(pieceBytes, sizeBytes - at)))
    report('hashing', Math.min(at + pieceBytes, sizeBytes), sizeBytes)
  }
  const { root, tree, shape } = hasher.finish()
  return { root: bytesToHex(root), segmentRoots: tree.levels[0]!.slice(0, 32 * shape.segments) }
}

class WeightsAbsentError extends WeightlessError {
  constructor(facts: { root: Hex }) {
    super('console/weights-absent', 'The model of this receipt is not here, and no network is at hand.', facts, {
      hint: 'Drop the model’s file (GGUF) beside it.',
    })
  }
}
