/** Unsigned integers of 4 and 8 bytes, big-endian, in the middle of other bytes. */

export function readUint32(bytes: Uint8Array, at: number): number {
  return viewOf(bytes).getUint32(at)
}

export function readUint64(bytes: Uint8Array, at: number): bigint {
  return viewOf(bytes).getBigUint64(at)
}

/** The caller guarantees that value and place fit. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  viewOf(bytes).setUint32(at, value)
}

export function writeUint64(bytes: Uint8Array, at: number, value: bigint): void {
  viewOf(bytes).setBigUint64(at, value)
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
