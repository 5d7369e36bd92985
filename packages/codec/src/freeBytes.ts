/**
 * Gives memory back as soon as it is used up. The collector gets to buffers late, because their bytes lie outside its heap: what
 * moves gigabytes would have hundreds of megabytes of them lie about, and clear fresh ones for what comes next.
 */

/** Below it a buffer is not worth the call; the runtime's own pools hand out views that are shorter. */
const freedMin = 16 * 1024

/**
 * For the one that owns the bytes, when nobody, no write or worker either, looks at them any more: they are empty afterwards.
 * Bytes that are a part of a buffer stay, as the rest of it may be somebody else's.
 */
export function freeBytes({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= freedMin && byteLength === buffer.byteLength) freeBuffer(buffer)
}

/** The same for all of a buffer. */
export function freeBuffer(buffer: ArrayBufferLike): void {
  // Browsers have it since 2023 or 2024; without it the collector comes, late.
  if (buffer instanceof ArrayBuffer && 'transfer' in buffer) buffer.transfer(0)
}
