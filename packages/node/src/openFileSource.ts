/** Random access to a file on this machine, in the form that model readers and the storage client take. */
import { open } from 'node:fs/promises'
import { bytesToHex, type Hex } from '@weightless/codec'
import { rootOfSource } from '@weightless/crypto'

export type FileSource = {
  sizeBytes: number
  read(offset: number, length: number): Promise<Uint8Array>
  isFresh: true
  close(): Promise<void>
}

export async function openFileSource(path: string): Promise<FileSource> {
  const handle = await open(path, 'r')
  const { size } = await handle.stat()
  return {
    sizeBytes: size,
    isFresh: true,
    async read(offset, length) {
      const bytes = new Uint8Array(length)
      let done = 0
      while (done < length) {
        const { bytesRead } = await handle.read(bytes, done, length - done, offset + done)
        if (bytesRead === 0) break
        done += bytesRead
      }
      return bytes.subarray(0, done)
    },
    close: () => handle.close(),
  }
}

/** The storage root of a file. */
export async function rootOfFile(path: string): Promise<Hex> {
  const source = await openFileSource(path)
  try {
    return bytesToHex(await rootOfSource(source))
  } finally {
    await source.close()
  }
}
