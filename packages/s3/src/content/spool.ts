/**
 * Where bodies wait between the client and the storage network: small ones in memory, others in files. Files of parts are
 * durable before a part is acknowledged; all others are gone after a restart, as is the upload that they belonged to.
 */
import type { BlobSource } from '@weightless/blobs'
import { bytesToHex, concatBytes, WeightlessError } from '@weightless/codec'
import type { Disk, File, Random } from '@weightless/env'
import type { Sink } from '../body/receiveBody.ts'

export type Spool = {
  /** Memory first, a file of its own when it grows. */
  temporary(): SpoolWriter
  /** A file that survives restarts once it is sealed. */
  durable(uploadId: string): DurableWriter
  /** One source over sealed durable files, in order. */
  openParts(files: readonly { file: string; sizeBytes: number }[]): SpooledSource
  remove(file: string): Promise<void>
  removeUpload(uploadId: string): Promise<void>
  /** Removes every file that `isKnown` does not want. */
  sweep(isKnown: (file: string) => boolean): Promise<void>
  /** @throws {SpoolFullError} when the disk would be left with too little */
  reserve(sizeBytes: number): Promise<void>
}

export type SpoolWriter = Sink & {
  /** Ends the writing. */
  seal(): Promise<SpooledSource>
  /** Ends everything; nothing stays. */
  discard(): Promise<void>
}

type DurableWriter = SpoolWriter & {
  file: string
  /** From now on `discard` leaves the file: it has become somebody's part. */
  keep(): void
}

export type SpooledSource = BlobSource & { close(): Promise<void> }

const memoryBytesMax = 256 * 1024
const writeBytes = 1024 * 1024
const keptFreeBytes = 64 * 1024 * 1024

export function createSpool(disk: Disk, random: Random): Spool {
  const name = (): string => bytesToHex(random.bytes(12)).slice(2)
  return {
    temporary: () => new Writer(disk, `spool/${name()}`, false),
    durable: (uploadId) => new Writer(disk, `parts/${uploadId}/${name()}`, true),
    openParts: (files) => openParts(disk, files),
    remove: (file) => disk.remove(file),
    removeUpload: (uploadId) => disk.remove(`parts/${uploadId}`),
    async sweep(isKnown) {
      await disk.remove('spool')
      for (const uploadId of await disk.list('parts')) {
        const folder = `parts/${uploadId}`
        const files = await disk.list(folder)
        const kept = files.filter((file) => isKnown(`${folder}/${file}`))
        if (kept.length === 0) await disk.remove(folder)
        else for (const file of files) if (!kept.includes(file)) await disk.remove(`${folder}/${file}`)
      }
    },
    async reserve(sizeBytes) {
      const freeBytes = await disk.freeBytes()
      if (freeBytes < sizeBytes + keptFreeBytes) throw new SpoolFullError({ freeBytes, sizeBytes })
    },
  }
}

class Writer implements DurableWriter {
  readonly file: string
  readonly #disk: Disk
  readonly #isDurable: boolean
  #handle: File | undefined
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #writtenBytes = 0
  #isKept = false

  constructor(disk: Disk, file: string, isDurable: boolean) {
    this.#disk = disk
    this.file = file
    this.#isDurable = isDurable
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    const bytesMax = this.#handle ? writeBytes : memoryBytesMax
    if (this.#waitingBytes > bytesMax) await this.#flush()
  }

  async seal(): Promise<SpooledSource> {
    if (!this.#handle && !this.#isDurable) {
      const bytes = concatBytes(this.#waiting)
      const read = (offset: number, length: number) => Promise.resolve(bytes.subarray(offset, offset + length))
      return { sizeBytes: bytes.length, read, close: () => Promise.resolve() }
    }
    await this.#flush()
    const handle = this.#handle!
    if (this.#isDurable) {
      await handle.sync()
      await handle.close()
      await this.#disk.syncFolder(this.file.slice(0, this.file.lastIndexOf('/')))
      return openParts(this.#disk, [{ file: this.file, sizeBytes: this.#writtenBytes }])
    }
    return {
      sizeBytes: this.#writtenBytes,
      read: (offset, length) => readExactly(handle, this.file, offset, length),
      close: () => this.discard(),
    }
  }

  keep(): void {
    this.#isKept = true
  }

  async discard(): Promise<void> {
    this.#waiting = []
    const handle = this.#handle
    this.#handle = undefined
    // Closing twice is an error of the disk; a sealed durable file has been closed.
    await handle?.close().catch(() => undefined)
    if (handle && !this.#isKept) await this.#disk.remove(this.file)
  }

  async #flush(): Promise<void> {
    this.#handle ??= await this.#disk.open(this.file, 'create')
    const bytes = concatBytes(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    await this.#handle.write(this.#writtenBytes, bytes)
    this.#writtenBytes += bytes.length
  }
}

/** Opens a file for each read of it, because there may be ten thousand. */
function openParts(disk: Disk, files: readonly { file: string; sizeBytes: number }[]): SpooledSource {
  const starts: number[] = []
  let sizeBytes = 0
  for (const file of files) {
    starts.push(sizeBytes)
    sizeBytes += file.sizeBytes
  }
  async function read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length)
    let index = indexAt(starts, offset)
    for (let at = 0; at < length; index++) {
      const { file, sizeBytes: fileBytes } = files[index]!
      const from = offset + at - starts[index]!
      const count = Math.min(length - at, fileBytes - from)
      const handle = await disk.open(file, 'read')
      try {
        bytes.set(await readExactly(handle, file, from, count), at)
      } finally {
        await handle.close()
      }
      at += count
    }
    return bytes
  }
  return { sizeBytes, read, close: () => Promise.resolve() }
}

/** The last file that starts at or before `offset` and holds it; empty files hold nothing. */
function indexAt(starts: readonly number[], offset: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (starts[middle]! <= offset) low = middle
    else high = middle - 1
  }
  return low
}

async function readExactly(handle: File, file: string, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await handle.read(offset, length)
  if (bytes.length < length) throw new SpoolDamagedError({ file, offset, length })
  return bytes
}

class SpoolFullError extends WeightlessError {
  constructor(facts: { freeBytes: number; sizeBytes: number }) {
    super('s3/spool-full', 'The disk has no room for this upload.', facts, { hint: 'Free some space, then try again.' })
  }
}

class SpoolDamagedError extends WeightlessError {
  constructor(facts: { file: string; offset: number; length: number }) {
    super('s3/spool-damaged', 'A spooled part is shorter than it was when it was acknowledged.', facts)
  }
}
