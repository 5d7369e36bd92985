/** A file to upload, which must stay as it is: it is read twice, once for its root and once to be sent. */
import { type FileHandle, open } from 'node:fs/promises'
import { WeightlessError } from '@weightless/codec'

export type SteadyFile = {
  sizeBytes: number
  /** @throws {FileChangedError} the file has become shorter */
  read(offset: number, length: number): Promise<Uint8Array>
  /** The reason of a failed upload: that the file changed, where it did; else `cause` as it came. */
  explain(cause: unknown): Promise<unknown>
  close(): Promise<void>
}

export async function openSteadyFile(path: string, sizeBytes: number): Promise<SteadyFile> {
  const handle = await open(path, 'r')
  const atFirst = await readStamp(handle)
  return {
    sizeBytes,
    async read(offset, length) {
      const bytes = new Uint8Array(length)
      for (let done = 0; done < length; ) {
        const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
        if (bytesRead === 0) throw new FileChangedError({ path })
        done += bytesRead
      }
      return bytes
    },
    async explain(cause) {
      if (cause instanceof FileChangedError) return cause
      return (await readStamp(handle)) === atFirst ? cause : new FileChangedError({ path }, cause)
    },
    close: () => handle.close(),
  }
}

async function readStamp(handle: FileHandle): Promise<string> {
  const { size, mtimeMs } = await handle.stat()
  return `${size} ${mtimeMs}`
}

export class FileChangedError extends WeightlessError {
  constructor(facts: { path: string }, cause?: unknown) {
    super('cli/file-changed', 'The file changed while it was read; it is not stored.', facts, {
      ...(cause !== undefined && { cause }),
      hint: 'Wait until nothing writes to it, or copy it first, then upload it again.',
    })
  }
}
