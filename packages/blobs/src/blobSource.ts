/** Where the bytes of a blob come from: memory, a file on disk, a browser's File. They are read twice: hashed, then sent. */

export type BlobSource = {
  sizeBytes: number
  /** Exactly `length` bytes at `offset`, within the size. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** Each read gives a buffer of its own that nobody else looks at: it may be moved to another thread instead of copied. */
  isFresh?: true
}

/** What a read gave, in a buffer that may be moved; @param bytes - how long, zeros behind what was read */
export function ownPiece(source: BlobSource, read: Uint8Array, bytes = read.length): Uint8Array<ArrayBuffer> {
  const { buffer } = read
  const isOwn = source.isFresh && buffer instanceof ArrayBuffer && buffer.byteLength === read.length
  if (isOwn && read.length === bytes) return read as Uint8Array<ArrayBuffer>
  const copy = new Uint8Array(bytes)
  copy.set(read)
  return copy
}

export function toBlobSource(bytes: Uint8Array | BlobSource): BlobSource {
  if (!(bytes instanceof Uint8Array)) return bytes
  return {
    sizeBytes: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  }
}

/** Pieces of a source, one after another. */
export async function* piecesOf({ sizeBytes, read }: BlobSource, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < sizeBytes; at += pieceBytes) yield await read(at, Math.min(pieceBytes, sizeBytes - at))
}
