/**
 * CRC-32 (IEEE 802.3, as in zip and PNG): finds every change of up to 32 neighbouring bits. Through a port: JavaScript by
 * default, so that it works anywhere; an environment with a faster one installs it once with `setCrc32`.
 */
export type Crc32 = (bytes: Uint8Array, crc: number) => number

let engine: Crc32 = sliceByEight

export function setCrc32(next: Crc32): void {
  engine = next
}

/** Continues from `crc`, the checksum of what came before. */
export function crc32(bytes: Uint8Array, crc = 0): number {
  return engine(bytes, crc)
}

/** Eight bytes a step ("slicing by 8", Intel 2006). */
export function sliceByEight(bytes: Uint8Array, crc: number): number {
  let state = ~crc
  let at = 0
  for (const stop = bytes.length - 7; at < stop; at += 8) {
    const low = state ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
    state =
      crcTables[1792 + (low & 255)]! ^
      crcTables[1536 + ((low >>> 8) & 255)]! ^
      crcTables[1280 + ((low >>> 16) & 255)]! ^
      crcTables[1024 + (low >>> 24)]! ^
      crcTables[768 + bytes[at + 4]!]! ^
      crcTables[512 + bytes[at + 5]!]! ^
      crcTables[256 + bytes[at + 6]!]! ^
      crcTables[bytes[at + 7]!]!
  }
  for (; at < bytes.length; at++) state = (state >>> 8) ^ crcTables[(state ^ bytes[at]!) & 255]!
  return ~state >>> 0
}

/** `crcTables[256 * k + b]` is the checksum of byte b followed by k zero bytes, without the inversions. */
export const crcTables = new Int32Array(8 * 256)
for (let value = 0; value < 256; value++) {
  let state = value
  for (let bit = 0; bit < 8; bit++) state = state & 1 ? (state >>> 1) ^ 0xedb88320 : state >>> 1
  crcTables[value] = state
}
for (let at = 256; at < crcTables.length; at++) {
  const before = crcTables[at - 256]!
  crcTables[at] = (before >>> 8) ^ crcTables[before & 255]!
}
