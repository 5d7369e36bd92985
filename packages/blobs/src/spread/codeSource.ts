/** The stripes of a source, coded in order and some of them ahead: in workers where there are any. */
import { type FileShape, segmentBytes, segmentDataBytes } from '@weightless/crypto'
import type { Tasks } from '@weightless/env'
import { type Redundancy, rowBytesOf } from '@weightless/storage/wire'
import { type BlobSource, ownPiece } from '../blobSource.ts'
import codeStripe, { type CodedStripe, type StripeInput } from './codeStripeTask.ts'

export type SourceStripe = CodedStripe & { stripe: number }

const taskModule = new URL('./codeStripeTask.ts', import.meta.url)

/** Codes `stripes` in their order; never more at once than there are workers and one. */
export async function* codeSource(
  tasks: Tasks | undefined,
  source: BlobSource,
  shape: FileShape,
  redundancy: Redundancy,
  stripes: readonly number[],
): AsyncGenerator<SourceStripe> {
  const aheadMax = tasks ? tasks.workersMax + 1 : 1
  const coding: Promise<SourceStripe>[] = []
  let next = 0
  const begin = () => {
    const started = codeOne(tasks, source, shape, redundancy, stripes[next++]!)
    // Whoever waits for it gets the fault; until then it is nobody's.
    started.catch(() => undefined)
    coding.push(started)
  }
  while (next < stripes.length || coding.length > 0) {
    while (next < stripes.length && coding.length < aheadMax) begin()
    yield await coding.shift()!
  }
}

async function codeOne(
  tasks: Tasks | undefined,
  source: BlobSource,
  shape: FileShape,
  redundancy: Redundancy,
  stripe: number,
): Promise<SourceStripe> {
  const { dataRows } = redundancy
  const first = stripe * dataRows
  const last = Math.min(first + dataRows, shape.segments) - 1
  const rows: Uint8Array<ArrayBuffer>[] = []
  for (let index = first; index <= last; index++) rows.push(await readRow(source, shape, index))
  const input: StripeInput = { shape: redundancy, rowBytes: rowBytesOf(shape, dataRows, stripe), rows }
  const coded = tasks
    ? await tasks.run<CodedStripe>(
        taskModule,
        input,
        rows.map(({ buffer }) => buffer),
      )
    : codeStripe(input)
  return { ...coded, stripe }
}

async function readRow(source: BlobSource, shape: FileShape, index: number): Promise<Uint8Array<ArrayBuffer>> {
  const offset = index * segmentBytes
  const read = await source.read(offset, Math.min(offset + segmentBytes, shape.sizeBytes) - offset)
  return ownPiece(source, read, segmentDataBytes(shape, index))
}
