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

/** Two files as one, the second behind the first. */
export function joinSources(first: ByteSource, second: ByteSource): ByteSource {
  return {
    sizeBytes: first.sizeBytes + second.sizeBytes,
    async read(offset, length) {
      const border = first.sizeBytes
      if (offset >= border) return second.read(offset - border, length)
      if (offset + length <= border) return first.read(offset, length)
      const bytes = new Uint8Array(length)
      bytes.set(await first.read(offset, border - offset))
      bytes.set(await second.read(0, offset + length - border), border - offset)
      return bytes
    },
  }
}

export function toByteSource(source: ByteSource | Uint8Array): ByteSource {
  return source instanceof Uint8Array ? bytesSource(source) : source
}
