/** Random access to the bytes of a model file, wherever they lie: memory, disk, or a verified stream from storage. */
export type ByteSource = {
  sizeBytes: number
  /** Exactly `length` bytes from `offset`; the caller asks for nothing beyond `sizeBytes`. */
  read(offset: number, length: number): Promise<Uint8Array>
}

/** A source over bytes in memory; reads are views, not copies. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return { sizeBytes: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) }
}

export function toByteSource(source: ByteSource | Uint8Array): ByteSource {
  return source instanceof Uint8Array ? bytesSource(source) : source
}
