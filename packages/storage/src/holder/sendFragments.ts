/** Serves fragments as they lie on disk: a row of a range of stripes in one stream, missing ones left out. Spec: storage §10. */
import { type Hex, uintToBytes } from '@weightless/codec'
import { FileSizeInvalidError, fileShape } from '@weightless/crypto'
import { fileKeyOf } from '../node/submission.ts'
import type { FragmentStore } from './fragmentStore.ts'

export type FragmentWish = { root: Hex; sizeBytes: number; row: number; from: number; to: number }

/** Fragments read ahead of the one that is being sent. */
const aheadMax = 3
/** What is looked up at once. */
const pageMax = 256

/** Undefined when nothing of this row is here. */
export function sendFragments(store: FragmentStore, wish: FragmentWish): AsyncIterable<Uint8Array> | undefined {
  const fileKey = keyOf(wish.root, wish.sizeBytes)
  const file = fileKey === undefined ? undefined : store.file(fileKey)
  if (!file || file.row !== wish.row) return undefined
  return stream(store, file.fileKey, wish)
}

/** What is here of a file. */
export function describeHeld(
  store: FragmentStore,
  root: Hex,
  sizeBytes: number,
): { rows: { row: number; stripes: number; ranges: [number, number][] }[] } {
  const fileKey = keyOf(root, sizeBytes)
  const file = fileKey === undefined ? undefined : store.file(fileKey)
  if (!file) return { rows: [] }
  const stripes = store.records.count(file.fileKey)
  return { rows: stripes === 0 ? [] : [{ row: file.row, stripes, ranges: store.ranges(file.fileKey) }] }
}

async function* stream(
  store: FragmentStore,
  fileKey: string,
  { sizeBytes, from, to }: FragmentWish,
): AsyncGenerator<Uint8Array> {
  for (let start = from; start < to; ) {
    const stripes = store.records.list(fileKey, start, pageMax).filter((stripe) => stripe < to)
    const reading: Promise<Uint8Array | undefined>[] = []
    let next = 0
    while (next < stripes.length || reading.length > 0) {
      while (next < stripes.length && reading.length < aheadMax) {
        const read = store.read(fileKey, stripes[next++]!, sizeBytes)
        // A reader that leaves never awaits those ahead.
        read.catch(() => undefined)
        reading.push(read)
      }
      const frame = await reading.shift()
      if (!frame) continue
      yield uintToBytes(BigInt(frame.length), 4)
      yield frame
    }
    if (stripes.length < pageMax) return
    start = stripes.at(-1)! + 1
  }
}

export function keyOf(root: Hex, sizeBytes: number): string | undefined {
  try {
    return fileKeyOf(root, fileShape(sizeBytes).sectors)
  } catch (fault) {
    if (fault instanceof FileSizeInvalidError) return undefined
    throw fault
  }
}
