/** Multipart uploads that are under way: their parts by number, and for a while what became of those that were completed. */
import type { Disk, Log } from '@weightless/env'
import { openKeyValue } from '@weightless/store'
import { behindPrefix, toOrdered } from './keyOrder.ts'
import { decodeRecord, encodeRecord, type PartRecord, type UploadRecord } from './records.ts'

type Completed = { bucket: string; key: string; etag: string; completedMs: number }

export type Uploads = {
  start(upload: UploadRecord): Promise<void>
  find(uploadId: string): UploadRecord | undefined
  /** In order of key, then of id; those of one bucket. */
  list(bucket: string): UploadRecord[]
  all(): UploadRecord[]
  parts(uploadId: string): PartRecord[]
  /** Durable when it resolves. @returns the part of this number that it replaces */
  putPart(uploadId: string, part: PartRecord): Promise<PartRecord | undefined>
  /** Forgets an upload and its parts; `completed` says what became of it. */
  end(upload: UploadRecord, completed?: Completed): Promise<void>
  completed(uploadId: string): Completed | undefined
  /** Forgets what was completed before then. */
  forgetCompleted(beforeMs: number): Promise<void>
  /** Upload under way, or completed. */
  count(): number
  close(): Promise<void>
}

export async function openUploads(disk: Disk, log: Log): Promise<Uploads> {
  const store = await openKeyValue(disk, 'uploads', { log })

  function entriesOf<Kind>(prefix: string): { key: string; record: Kind }[] {
    return store
      .range(prefix, behindPrefix(prefix))
      .map(({ key, value }) => ({ key, record: decodeRecord<Kind>(value) }))
  }

  function read<Kind>(key: string): Kind | undefined {
    const bytes = store.get(key)
    return bytes && decodeRecord<Kind>(bytes)
  }

  const recordsOf = <Kind>(prefix: string): Kind[] => entriesOf<Kind>(prefix).map(({ record }) => record)
  const listName = ({ bucket, key, uploadId }: UploadRecord): string => `l/${bucket}/${toOrdered(key)}\0${uploadId}`
  const partName = (uploadId: string, number: number): string => `p/${uploadId}/${String(number).padStart(5, '0')}`

  return {
    start: (upload) =>
      store.batch([
        { key: `u/${upload.uploadId}`, value: encodeRecord(upload) },
        { key: listName(upload), value: encodeRecord(upload) },
      ]),
    find: (uploadId) => read(`u/${uploadId}`),
    list: (bucket) => recordsOf(`l/${bucket}/`),
    all: () => recordsOf('u/'),
    parts: (uploadId) => recordsOf(`p/${uploadId}/`),
    putPart: async (uploadId, part) => {
      const name = partName(uploadId, part.number)
      const before = read<PartRecord>(name)
      await store.put(name, encodeRecord(part))
      return before
    },
    end: (upload, completed) => {
      const gone = [
        `u/${upload.uploadId}`,
        listName(upload),
        ...entriesOf(`p/${upload.uploadId}/`).map(({ key }) => key),
      ]
      const ended = completed ? [{ key: `d/${upload.uploadId}`, value: encodeRecord(completed) }] : []
      return store.batch([...gone.map((key) => ({ key, value: undefined })), ...ended])
    },
    completed: (uploadId) => read(`d/${uploadId}`),
    forgetCompleted: async (beforeMs) => {
      const old = entriesOf<Completed>('d/').filter(({ record }) => record.completedMs < beforeMs)
      if (old.length > 0) await store.batch(old.map(({ key }) => ({ key, value: undefined })))
    },
    count: () => entriesOf('u/').length,
    close: () => store.close(),
  }
}
