/**
 * Names for roots: which buckets there are, and which content each key stands for. Held in memory, durable through a
 * write-ahead log. A key changes only in one piece, and only to content that is final in the storage network.
 */
import type { Disk, Log } from '@weightless/env'
import { type KeyValue, openKeyValue } from '@weightless/store'
import { behindPrefix, toOrdered } from './keyOrder.ts'
import { createKeyTurns } from './keyTurns.ts'
import { type BucketRecord, type DeleteMarker, decodeRecord, encodeRecord, type ObjectRecord } from './records.ts'

export type Catalog = {
  buckets(): { name: string; record: BucketRecord }[]
  bucket(name: string): BucketRecord | undefined
  putBucket(name: string, record: BucketRecord): Promise<void>
  /** False, and nothing happens, while it has objects. */
  removeBucket(name: string): Promise<boolean>
  object(bucket: string, key: string): ObjectRecord | undefined
  /**
   * Makes the key stand for this object if `holds` agrees to what it stands for now; changes of one key run one after
   * another. Durable when it resolves.
   * @returns false when `holds` did not agree, or the bucket is gone
   */
  putObject(bucket: string, key: string, record: ObjectRecord, holds?: Condition): Promise<boolean>
  /** Takes the name away, and leaves a marker that says what it stood for. @returns false as `putObject` does */
  removeObject(bucket: string, key: string, nowMs: number, holds?: Condition): Promise<boolean>
  marker(bucket: string, key: string): DeleteMarker | undefined
  /** Objects from the ordered key `start` on, in order; see `keyOrder.ts`. */
  page(bucket: string, start: string, limit: number): { ordered: string; record: ObjectRecord }[]
  close(): Promise<void>
}

type Condition = (current: ObjectRecord | undefined) => boolean

export type CatalogLimits = {
  /** Delete markers beyond it are forgotten, oldest first. */
  markersMax: number
}

export async function openCatalog(disk: Disk, limits: CatalogLimits, log: Log): Promise<Catalog> {
  return new StoredCatalog(await openKeyValue(disk, 'catalog', { log }), limits)
}

class StoredCatalog implements Catalog {
  readonly #store: KeyValue
  readonly #limits: CatalogLimits
  readonly #inTurn = createKeyTurns()
  /** Names of delete markers, oldest first. */
  readonly #markers: Set<string>
  /** How many objects are being written into a bucket: it cannot vanish below them. */
  readonly #writing = new Map<string, number>()
  readonly #removing = new Set<string>()

  constructor(store: KeyValue, limits: CatalogLimits) {
    this.#store = store
    this.#limits = limits
    const markers = this.#entries<DeleteMarker>('m/').sort((a, b) => a.record.deletedMs - b.record.deletedMs)
    this.#markers = new Set(markers.map(({ key }) => key))
  }

  buckets() {
    return this.#entries<BucketRecord>('b/').map(({ key, record }) => ({ name: key.slice(2), record }))
  }

  bucket(name: string): BucketRecord | undefined {
    return this.#read(`b/${name}`)
  }

  putBucket(name: string, record: BucketRecord): Promise<void> {
    return this.#inTurn(`b/${name}`, () => this.#store.put(`b/${name}`, encodeRecord(record)))
  }

  removeBucket(name: string): Promise<boolean> {
    return this.#inTurn(`b/${name}`, async () => {
      if (this.#writing.has(name) || this.page(name, '', 1).length > 0) return false
      const markers = this.#entries<DeleteMarker>(`m/${name}/`).map(({ key }) => key)
      for (const key of markers) this.#markers.delete(key)
      this.#removing.add(name)
      try {
        await this.#store.batch([`b/${name}`, ...markers].map((key) => ({ key, value: undefined })))
      } finally {
        this.#removing.delete(name)
      }
      return true
    })
  }

  object(bucket: string, key: string): ObjectRecord | undefined {
    return this.#read(objectName(bucket, key))
  }

  putObject(bucket: string, key: string, record: ObjectRecord, holds?: Condition): Promise<boolean> {
    const name = objectName(bucket, key)
    return this.#inTurn(name, async () => {
      if (!this.#store.has(`b/${bucket}`) || this.#removing.has(bucket)) return false
      if (holds?.(this.#read(name)) === false) return false
      this.#writing.set(bucket, (this.#writing.get(bucket) ?? 0) + 1)
      const marker = markerName(bucket, key)
      const gone = this.#markers.delete(marker) ? [{ key: marker, value: undefined }] : []
      try {
        await this.#store.batch([{ key: name, value: encodeRecord(record) }, ...gone])
      } finally {
        const left = this.#writing.get(bucket)! - 1
        if (left > 0) this.#writing.set(bucket, left)
        else this.#writing.delete(bucket)
      }
      return true
    })
  }

  removeObject(bucket: string, key: string, nowMs: number, holds?: Condition): Promise<boolean> {
    const name = objectName(bucket, key)
    return this.#inTurn(name, async () => {
      const current = this.#read<ObjectRecord>(name)
      if (holds?.(current) === false) return false
      if (!current) return true
      const marker: DeleteMarker = { deletedMs: nowMs, ...(current.root && { root: current.root }) }
      this.#markers.add(markerName(bucket, key))
      await this.#store.batch([
        { key: name, value: undefined },
        { key: markerName(bucket, key), value: encodeRecord(marker) },
        ...this.#forgetMarkers().map((old) => ({ key: old, value: undefined })),
      ])
      return true
    })
  }

  marker(bucket: string, key: string): DeleteMarker | undefined {
    return this.#read(markerName(bucket, key))
  }

  page(bucket: string, start: string, limit: number) {
    const prefix = `o/${bucket}/`
    const entries = this.#store.range(prefix + start, behindPrefix(prefix), limit)
    return entries.map(({ key, value }) => ({
      ordered: key.slice(prefix.length),
      record: decodeRecord<ObjectRecord>(value),
    }))
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  #entries<Kind>(prefix: string): { key: string; record: Kind }[] {
    const entries = this.#store.range(prefix, behindPrefix(prefix))
    return entries.map(({ key, value }) => ({ key, record: decodeRecord<Kind>(value) }))
  }

  #read<Kind>(key: string): Kind | undefined {
    const bytes = this.#store.get(key)
    return bytes && decodeRecord<Kind>(bytes)
  }

  #forgetMarkers(): string[] {
    const surplus = Math.max(0, this.#markers.size - this.#limits.markersMax)
    const oldest = [...this.#markers.values().take(surplus)]
    for (const key of oldest) this.#markers.delete(key)
    return oldest
  }
}

const objectName = (bucket: string, key: string): string => `o/${bucket}/${toOrdered(key)}`
const markerName = (bucket: string, key: string): string => `m/${bucket}/${toOrdered(key)}`
