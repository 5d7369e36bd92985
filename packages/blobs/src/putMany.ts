/** Stores many files, small ones above all: one transaction pays for those that are not paid, then each is spread. Spec: storage §9. */
import { bytesToHex, type Hex } from '@weightless/codec'
import type { FileTree } from '@weightless/crypto'
import type { BlobSource } from './blobSource.ts'
import { hashSource } from './hashSource.ts'
import type { Payment, PayWish } from './payForBlob.ts'
import {
  findKnown,
  type KnownBlob,
  type PutBlob,
  type PutParts,
  payFor,
  type StoreOptions,
  storeFile,
} from './putBlob.ts'
import type { RootLocks } from './rootLocks.ts'
import { runParallel } from './runParallel.ts'
import type { ProgressTracker } from './trackProgress.ts'

export type PutItem = { source: BlobSource; tags: Hex; isAnew: boolean }

type Job = { item: PutItem; file: FileTree; known: KnownBlob; paying: Promise<Payment> }

const filesAtOnce = 4

/** Results in the order of the items; the same content twice is stored once. */
export async function putMany(
  parts: PutParts,
  locks: RootLocks,
  items: readonly PutItem[],
  options: StoreOptions,
  progress: ProgressTracker,
): Promise<PutBlob[]> {
  const totalBytes = items.reduce((sum, { source }) => sum + source.sizeBytes, 0)
  progress.enter('hashing', totalBytes)
  const hashed: { item: PutItem; file: FileTree }[] = []
  for (const item of items) {
    const hashing = { signal: options.signal, tasks: parts.tasks }
    hashed.push({ item, file: await hashSource(item.source, (bytes) => progress.add(bytes), hashing) })
  }
  const roots = [...new Set(hashed.map(({ file }) => bytesToHex(file.root)))]
  return locks.hold(roots, async () => {
    progress.enter('paying', totalBytes)
    const jobs = await payJobs(parts, hashed, options.signal, progress)
    progress.enter('uploading', totalBytes)
    const stored = new Map<string, Promise<PutBlob>>()
    const results: PutBlob[] = []
    await runParallel([...jobs.keys()], filesAtOnce, async (index) => {
      const job = jobs[index]!
      const key = `${bytesToHex(job.file.root)}/${job.file.shape.sizeBytes}`
      const part = partOf(progress, job.file.shape.sizeBytes)
      const storing = stored.get(key) ?? storeFile(parts, { ...job, source: job.item.source }, options, part)
      stored.set(key, storing)
      const { startSector: _, ...payment } = await job.paying
      results[index] = { ...(await storing), ...payment }
      part.end()
    })
    return results
  })
}

/** One file's share of the progress: its bytes as they go, and at its end those that did not have to. */
function partOf(progress: ProgressTracker, sizeBytes: number): ProgressTracker & { end(): void } {
  let added = 0
  const add = (bytes: number): void => {
    added += bytes
    progress.add(bytes)
  }
  return { enter: () => undefined, add, end: () => add(sizeBytes - added) }
}

async function payJobs(
  parts: PutParts,
  hashed: readonly { item: PutItem; file: FileTree }[],
  signal: AbortSignal | undefined,
  progress: ProgressTracker,
): Promise<Job[]> {
  const known = new Map<string, KnownBlob>()
  const keyOf = ({ root, shape }: FileTree) => `${bytesToHex(root)}/${shape.sizeBytes}`
  await runParallel([...hashed.keys()], filesAtOnce, async (index) => {
    const { file } = hashed[index]!
    known.set(keyOf(file), await findKnown(parts, file, signal))
  })
  const wishes = new Map<string, { file: FileTree; tags: Hex; isAnew: boolean }>()
  for (const { item, file } of hashed) {
    if (needsPayment(item, known.get(keyOf(file))!)) wishes.set(`${keyOf(file)}/${item.tags}`, { ...item, file })
  }
  const onPaid = ({ file }: PayWish): void => progress.add(file.shape.sizeBytes)
  const paid = wishes.size === 0 ? [] : await payFor(parts, [...known.values()][0]!, [...wishes.values()], onPaid)
  const payments = new Map([...wishes.keys()].map((key, i) => [key, paid[i]!]))
  return hashed.map(({ item, file }) => {
    const blob = known.get(keyOf(file))!
    const key = `${keyOf(file)}/${item.tags}`
    const payment = payments.get(key) ?? blob.payment!
    // The fee stands at the first of several with the same content: the sum is what was paid.
    if (payments.has(key)) payments.set(key, { ...payment, feeWei: 0n })
    return { item, file, known: blob, paying: Promise.resolve(payment) }
  })
}

/** A node knows that a root was submitted, but not under which tags. */
export function needsPayment({ tags, isAnew }: Pick<PutItem, 'tags' | 'isAnew'>, known: KnownBlob): boolean {
  return isAnew || tags !== '0x' || known.payment === undefined
}
