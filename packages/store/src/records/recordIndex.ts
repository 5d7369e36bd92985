/**
 * Where each numbered record of each name lies in the log, 12 bytes a record on disk and none in memory beyond the caches
 * of the sorted store; and how many bytes of each log file are still wanted. Spec: store §4.
 */
import type { StagedStore } from './stagedStore.ts'

export type RecordPlace = { position: number; payloadBytes: number }

export type RecordIndex = {
  find(name: string, index: number): RecordPlace | undefined
  /** Replaces what was there. */
  put(name: string, index: number, place: RecordPlace): void
  remove(name: string, index: number): void
  removeAll(name: string): void
  count(name: string): number
  /** Records from the first on, without a gap. */
  contiguous(name: string): number
  /** Indices from `from` on, in order, at most `limit`. */
  list(name: string, from: number, limit: number): number[]
  /** Bytes of records in a log file that the index still points to. */
  liveBytes(fileNumber: number): number
  /** Records before it are in the stored index. */
  checkpoint(): number
  setCheckpoint(position: number): void
}

const pageRecords = 64
const placeBytes = 12
const fileFactor = 2 ** 32

export function openRecordIndex(staged: StagedStore): RecordIndex {
  const pageKey = (name: string, page: number) => `page/${name}/${hex(page)}`
  const totalsKey = (name: string) => `totals/${name}`
  const liveKey = (fileNumber: number) => `live/${hex(fileNumber)}`

  const totals = (name: string) => readPair(staged.get(totalsKey(name)))
  const setTotals = (name: string, count: number, contiguous: number): void =>
    staged.set(totalsKey(name), count === 0 ? undefined : writePair(count, contiguous))
  const liveBytes = (fileNumber: number) => readPair(staged.get(liveKey(fileNumber)))[0]
  const addLive = ({ position, payloadBytes }: RecordPlace, sign: 1 | -1): void => {
    const fileNumber = Math.floor(position / fileFactor)
    const bytes = liveBytes(fileNumber) + sign * payloadBytes
    staged.set(liveKey(fileNumber), bytes <= 0 ? undefined : writePair(bytes, 0))
  }
  const find = (name: string, index: number): RecordPlace | undefined =>
    placeAt(staged.get(pageKey(name, Math.floor(index / pageRecords))), index % pageRecords)

  function write(name: string, index: number, place: RecordPlace | undefined): void {
    const key = pageKey(name, Math.floor(index / pageRecords))
    const old = staged.get(key)
    const length = Math.max(old?.length ?? 0, ((index % pageRecords) + 1) * placeBytes)
    const page = new Uint8Array(length)
    if (old) page.set(old)
    const view = new DataView(page.buffer)
    view.setFloat64((index % pageRecords) * placeBytes, place?.position ?? 0)
    view.setUint32((index % pageRecords) * placeBytes + 8, place?.payloadBytes ?? 0)
    staged.set(key, page)
  }

  function remove(name: string, index: number): void {
    const place = find(name, index)
    if (!place) return
    addLive(place, -1)
    write(name, index, undefined)
    const [count, contiguous] = totals(name)
    setTotals(name, count - 1, Math.min(contiguous, index))
  }

  const list = (name: string, from: number, limit: number): number[] => {
    const found: number[] = []
    const first = Math.floor(from / pageRecords)
    let after = first === 0 ? undefined : pageKey(name, first - 1)
    while (found.length < limit) {
      const [entry] = staged.list(`page/${name}/`, 1, after)
      if (!entry) break
      after = entry.key
      const start = Number.parseInt(entry.key.slice(-10), 16) * pageRecords
      for (let at = 0; at * placeBytes < entry.value.length && found.length < limit; at++) {
        if (start + at >= from && placeAt(entry.value, at)) found.push(start + at)
      }
    }
    return found
  }

  return {
    find,
    put(name, index, place) {
      const old = find(name, index)
      if (old) addLive(old, -1)
      addLive(place, 1)
      write(name, index, place)
      let [count, contiguous] = totals(name)
      if (!old) count++
      while (find(name, contiguous)) contiguous++
      setTotals(name, count, contiguous)
    },
    remove,
    removeAll(name) {
      for (let page = staged.list(`page/${name}/`, 1)[0]; page; page = staged.list(`page/${name}/`, 1, page.key)[0]) {
        for (let at = 0; at * placeBytes < page.value.length; at++) {
          const place = placeAt(page.value, at)
          if (place) addLive(place, -1)
        }
        staged.set(page.key, undefined)
      }
      setTotals(name, 0, 0)
    },
    count: (name) => totals(name)[0],
    contiguous: (name) => totals(name)[1],
    list,
    liveBytes,
    checkpoint: () => readPair(staged.get('checkpoint'))[0],
    setCheckpoint: (position) => staged.set('checkpoint', writePair(position, 0)),
  }
}

function placeAt(page: Uint8Array | undefined, at: number): RecordPlace | undefined {
  if (!page || (at + 1) * placeBytes > page.length) return undefined
  const view = new DataView(page.buffer, page.byteOffset + at * placeBytes, placeBytes)
  const position = view.getFloat64(0)
  return position === 0 ? undefined : { position, payloadBytes: view.getUint32(8) }
}

const hex = (value: number): string => value.toString(16).padStart(10, '0')

function writePair(first: number, second: number): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setFloat64(0, first)
  view.setFloat64(8, second)
  return bytes
}

function readPair(bytes: Uint8Array | undefined): [number, number] {
  if (!bytes) return [0, 0]
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return [view.getFloat64(0), view.getFloat64(8)]
}
